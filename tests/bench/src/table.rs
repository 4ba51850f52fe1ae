//! The report as tables in Markdown, one column a scenario.

use serde_json::Value;

/// A row: what it says, and where its value stands in a scenario of the report.
type Row = (&'static str, &'static str);

/// The tables. A row without a value in any scenario, and a table without rows, is left out.
const TABLES: [(&str, &[Row]); 7] = [
    (
        "Creating a fleet",
        &[
            ("vaults", "/vaults"),
            ("Azure's time ×", "/time_scale"),
            ("Azure takes at most (s)", "/operation_s"),
            ("the limits let it through in (s)", "/limits_s"),
            ("all created at the API server (s)", "/created_s"),
            ("first ready (s)", "/first_ready_s"),
            ("half ready (s)", "/half_ready_s"),
            ("99 % ready (s)", "/most_ready_s"),
            ("**all ready (s)**", "/all_ready_s"),
            ("ready", "/ready"),
            ("**times as long as the limits make necessary**", "/times_necessary"),
        ],
    ),
    (
        "The operator's memory and CPU",
        &[
            ("start until ready (s)", "/start_to_ready_s"),
            ("RSS idle (MB)", "/rss_idle_mb"),
            ("**RSS peak (MB)**", "/rss_peak_mb"),
            ("RSS settled (MB)", "/rss_settled_mb"),
            ("of that without pages of files (MB)", "/rss_settled_anonymous_mb"),
            ("**CPU until all ready (s)**", "/cpu_s"),
            ("emulator, CPU (s)", "/usage/cpu/emulator"),
            ("kube-apiserver, CPU (s)", "/usage/cpu/api_server"),
            ("etcd, CPU (s)", "/usage/cpu/etcd"),
            ("bench, CPU (s)", "/usage/cpu/bench"),
            ("all else on the machine, CPU (s)", "/usage/cpu/others"),
        ],
    ),
    (
        "Requests while a fleet is created",
        &[
            ("**writes of an object**", "/kube_object_writes_per_object"),
            ("the most for one", "/usage/kubernetes/object_writes_max"),
            ("events of an object", "/events_per_object"),
            ("all requests to the API server, per object", "/kube_requests_per_object"),
            ("conflicts", "/usage/kubernetes/conflicts"),
            (
                "**Azure: requests per object besides polls and shared ones**",
                "/azure_requests_per_object_without_polls",
            ),
            ("Azure: writes per object", "/azure_writes_per_object"),
            ("Azure: all requests per object", "/azure_requests_per_object"),
            ("Azure: busiest second", "/usage/azure/busiest_second/total"),
            ("Azure: share of 429", "/throttled_share"),
            ("emulator: requests a second it could answer", "/emulator_ceiling_per_s"),
            ("emulator: share of a core", "/emulator_cpu_share"),
        ],
    ),
    (
        "Restart while all are ready",
        &[
            ("first request to Azure (s)", "/restart/first_request_s"),
            ("quiet after (s)", "/restart/quiet_after_s"),
            ("**Azure: writes**", "/azure_writes_on_restart"),
            ("**Azure: requests**", "/restart/usage/azure/total"),
            ("writes of objects", "/restart/usage/kubernetes/object_writes"),
            ("requests to the API server", "/restart/usage/kubernetes/total"),
            ("CPU (s)", "/restart/usage/cpu/operator"),
            ("RSS (MB)", "/restart/rss_mb"),
        ],
    ),
    (
        "A quiet drift interval",
        &[
            ("drift interval (s)", "/quiet/drift_interval_s"),
            ("Azure: requests", "/quiet/usage/azure/total"),
            ("Azure: writes", "/quiet/usage/azure/writes"),
            ("writes of objects", "/quiet/usage/kubernetes/object_writes"),
            ("CPU (s)", "/quiet/usage/cpu/operator"),
            ("**Azure: requests an hour, looking every 10 min**", "/quiet/azure_requests_per_hour"),
            ("requests to the API server an hour", "/quiet/kube_requests_per_hour"),
            ("**CPU an hour (s)**", "/quiet/cpu_s_per_hour"),
        ],
    ),
    (
        "Deleting a fleet",
        &[
            ("all marked at the API server (s)", "/deletion/asked_s"),
            ("first gone (s)", "/deletion/first_gone_s"),
            ("half gone (s)", "/deletion/half_gone_s"),
            ("**all gone (s)**", "/deletion/all_gone_s"),
            ("Azure: requests", "/deletion/usage/azure/total"),
            ("Azure: polls", "/deletion/usage/azure/polls"),
            ("Azure: writes", "/deletion/usage/azure/writes"),
            ("writes of objects", "/deletion/usage/kubernetes/object_writes"),
            ("CPU (s)", "/deletion/usage/cpu/operator"),
        ],
    ),
    (
        "A permission is granted; a vault is slow",
        &[
            ("refused for (s)", "/permission/refused_s"),
            ("validations in that time", "/permission/validations_while_refused"),
            ("granted → validation sent, half (s)", "/permission/half_validated_s"),
            ("**granted → validation sent, all (s)**", "/permission/all_validated_s"),
            ("granted → ready, half (s)", "/permission/half_ready_s"),
            ("granted → ready, all (s)", "/permission/all_ready_s"),
            ("the slow vault answers after (s)", "/slow_vault/answers_after_s"),
            ("objects of other vaults, half ready without it (s)", "/slow_vault/others_half_ready_without_s"),
            ("… with it (s)", "/slow_vault/others_half_ready_s"),
            ("objects of other vaults, all ready without it (s)", "/slow_vault/others_all_ready_without_s"),
            ("**… with it (s)**", "/slow_vault/others_all_ready_s"),
        ],
    ),
];

/// How the names of times end that a fleet may never reach.
const MILESTONES: [&str; 4] = ["_ready_s", "_gone_s", "_validated_s", "quiet_after_s"];

/// The report in Markdown.
pub(crate) fn markdown(report: &Value) -> String {
    let scenarios = report["scenarios"].as_array().map(Vec::as_slice).unwrap_or_default();
    let machine = &report["machine"];
    let mut text = format!(
        "{} cores of {}, {} GiB, Linux {}; the operator's binary has {} MB.\n",
        shown(&machine["cores"]),
        shown(&machine["processor"]),
        shown(&machine["memory_gib"]),
        shown(&machine["kernel"]),
        shown(&report["operator_binary_mb"]),
    );
    for (title, rows) in TABLES {
        text.push_str(&table(title, rows, scenarios));
    }
    text
}

fn table(title: &str, rows: &[Row], scenarios: &[Value]) -> String {
    let concerned: Vec<&Value> =
        scenarios.iter().filter(|scenario| rows.iter().any(|row| has(scenario, row))).collect();
    if concerned.is_empty() {
        return String::new();
    }
    let heads = concerned.iter().map(|scenario| head(scenario));
    let mut lines = vec![line(title, heads), line("---", concerned.iter().map(|_| "---:".to_owned()))];
    for row in rows.iter().filter(|row| concerned.iter().any(|scenario| has(scenario, row))) {
        let cells = concerned.iter().map(|scenario| cell(scenario, row).unwrap_or_default());
        lines.push(line(row.0, cells));
    }
    format!("\n{}\n", lines.join("\n"))
}

fn has(scenario: &Value, row: &Row) -> bool {
    cell(scenario, row).is_some()
}

/// What a scenario says in a row: nothing where the row is not about it.
fn cell(scenario: &Value, (_, pointer): &Row) -> Option<String> {
    match scenario.pointer(pointer)? {
        Value::Null => MILESTONES.iter().any(|end| pointer.ends_with(end)).then(|| "not reached".to_owned()),
        value => Some(shown(value)),
    }
}

/// The size of a fleet, and the scenario when it is another one; with the number of runs.
fn head(scenario: &Value) -> String {
    let objects = shown(&scenario["objects"]);
    let name = scenario["scenario"].as_str().filter(|name| *name != "fleet");
    let title = name.map_or_else(|| objects.clone(), |name| format!("{name} {objects}"));
    match scenario["runs"].as_array().map_or(0, Vec::len) {
        0 => title,
        runs => format!("{title} ({runs} runs)"),
    }
}

fn line(first: &str, cells: impl Iterator<Item = String>) -> String {
    let cells: Vec<String> = std::iter::once(first.to_owned()).chain(cells).collect();
    format!("| {} |", cells.join(" | "))
}

/// A number with as many digits as mean something.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        number => match number.as_f64() {
            Some(number) if number.fract() == 0.0 || number.abs() >= 1000.0 => format!("{number:.0}"),
            Some(number) if number.abs() >= 100.0 => format!("{number:.1}"),
            Some(number) if number.abs() >= 0.1 => format!("{number:.2}"),
            Some(number) => format!("{number:.4}"),
            None => number.to_string(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_table_has_the_scenarios_that_it_says_something_about() {
        let report = json!({ "scenarios": [
            { "scenario": "fleet", "objects": 100, "all_ready_s": 12.345, "runs": [1, 2, 3] },
            { "scenario": "limits", "objects": 200, "all_ready_s": null, "limits_s": null, "runs": [],
              "restart": { "quiet_after_s": 1.5 } },
        ]});
        let text = markdown(&report);
        let creating = "| Creating a fleet | 100 (3 runs) | limits 200 |\n| --- | ---: | ---: |\n\
                        | **all ready (s)** | 12.35 | not reached |\n\n";
        assert!(text.contains(creating), "{text}");
        let restart = "| Restart while all are ready | limits 200 |\n| --- | ---: |\n| quiet after (s) | 1.50 |\n";
        assert!(text.contains(restart), "{text}");
        assert!(!text.contains("Deleting"), "{text}");
    }
}
