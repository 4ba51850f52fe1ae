//! Renders a CustomResourceDefinition as a page for people, in Markdown.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, CustomResourceDefinitionVersion, JSONSchemaProps, JSONSchemaPropsOrArray, ValidationRule,
};
use serde_json::Value;

/// The API reference of a custom resource: names, columns, and of each object its fields and rules.
///
/// Descriptions are those of `kubectl explain`; rules are given by the messages with which the API server refuses.
#[must_use]
pub fn api_reference(crd: &CustomResourceDefinition) -> String {
    let mut page = vec![
        format!("# API reference of {}", crd.spec.names.kind),
        "<!-- Written by `make generate` from crds/. A test compares it with the code. -->".to_owned(),
        "How the fields act on a backup instance: [lifecycle.md](lifecycle.md). Conditions, reasons and errors: \
         [status.md](status.md). `kubectl explain pgb --recursive` shows the same in a terminal."
            .to_owned(),
    ];
    for version in &crd.spec.versions {
        page.push(introduction(crd, version));
        page.push(columns(version));
        let schema = version.schema.as_ref().and_then(|schema| schema.open_api_v3_schema.as_ref());
        if let Some(schema) = schema {
            page.extend(rules_of("Rules for the object as a whole", schema));
            for (name, part) in schema.properties.iter().flatten().filter(|(name, _)| is_ours(name)) {
                objects(name, part, 2, &mut page);
            }
        }
    }
    page.join("\n\n") + "\n"
}

/// Whether a part of an object is the kind's own: the rest is the same for every kind.
fn is_ours(name: &str) -> bool {
    !matches!(name, "apiVersion" | "kind" | "metadata")
}

fn introduction(crd: &CustomResourceDefinition, version: &CustomResourceDefinitionVersion) -> String {
    let names = &crd.spec.names;
    let list =
        |words: &Option<Vec<String>>| words.iter().flatten().map(|word| code(word)).collect::<Vec<_>>().join(", ");
    [
        "| | |".to_owned(),
        "| --- | --- |".to_owned(),
        format!("| apiVersion | {} |", code(&format!("{}/{}", crd.spec.group, version.name))),
        format!("| kind | {} |", code(&names.kind)),
        format!("| scope | {} |", crd.spec.scope),
        format!("| names for kubectl | {}, {} |", code(&names.plural), list(&names.short_names)),
        format!("| categories | {} |", list(&names.categories)),
    ]
    .join("\n")
}

fn columns(version: &CustomResourceDefinitionVersion) -> String {
    let mut lines = vec![
        "## Columns of `kubectl get`".to_owned(),
        String::new(),
        "| column | shows | from | |".to_owned(),
        "| --- | --- | --- | --- |".to_owned(),
    ];
    for column in version.additional_printer_columns.iter().flatten() {
        let description = cell(column.description.as_deref().unwrap_or_default());
        let wide = if column.priority.unwrap_or_default() > 0 { "with `-o wide`" } else { "" };
        lines.push(format!(
            "| {} | {description} | {} | {wide} |",
            column.name.to_uppercase(),
            code(&column.json_path)
        ));
    }
    lines.join("\n")
}

/// Renders the object at `path`, then those inside of it, one heading each.
fn objects(path: &str, schema: &JSONSchemaProps, level: usize, page: &mut Vec<String>) {
    let Some(fields) = schema.properties.as_ref() else { return };
    page.push(format!("{} {path}", "#".repeat(level)));
    page.extend(schema.description.as_deref().map(|text| text.trim().to_owned()));
    let mut lines = vec!["| field | type | default | meaning |".to_owned(), "| --- | --- | --- | --- |".to_owned()];
    for (name, field) in fields {
        let is_required = schema.required.iter().flatten().any(|required| required == name);
        let default = match &field.default {
            Some(value) => code(&plain(&value.0)),
            None if is_required => "required".to_owned(),
            None => String::new(),
        };
        let (kind, meaning) = (kind(&child(path, name), field), cell(field.description.as_deref().unwrap_or_default()));
        lines.push(format!("| {} | {kind} | {default} | {meaning} |", code(name)));
    }
    page.push(lines.join("\n"));
    page.extend(rules_of("Rules", schema));
    for (name, field) in fields {
        match item(field) {
            Some(item) => objects(&format!("{}[]", child(path, name)), item, 3, page),
            None => objects(&child(path, name), field, 3, page),
        }
    }
}

/// What the API server refuses, of an object itself and of its plain fields.
fn rules_of(title: &str, schema: &JSONSchemaProps) -> Option<String> {
    let mut rules: Vec<_> =
        schema.x_kubernetes_validations.iter().flatten().map(|rule| format!("- {}", sentence(rule))).collect();
    for (name, field) in schema.properties.iter().flatten().filter(|(_, field)| field.properties.is_none()) {
        let said = field.x_kubernetes_validations.iter().flatten().map(sentence);
        let pattern = field.pattern.as_deref().map(|pattern| format!("must match {}", code(pattern)));
        rules.extend(said.chain(pattern).map(|rule| format!("- {}: {rule}", code(name))));
    }
    (!rules.is_empty()).then(|| format!("{title}, as the API server says when it refuses:\n\n{}", rules.join("\n")))
}

fn sentence(rule: &ValidationRule) -> String {
    let text = rule.message.as_deref().map_or_else(|| code(&rule.rule), one_line);
    // A rule that looks at the object as it was applies to changes alone.
    if rule.rule.contains("oldSelf") { format!("(on a change) {text}") } else { text }
}

/// The type of a field with its limits.
fn kind(path: &str, schema: &JSONSchemaProps) -> String {
    if let Some(values) = &schema.enum_ {
        return values.iter().map(|value| code(&plain(&value.0))).collect::<Vec<_>>().join(", ");
    }
    let type_ = schema.type_.as_deref().unwrap_or("any");
    let name = match (type_, item(schema)) {
        ("array", Some(item)) => format!("list of {}", kind(&format!("{path}[]"), item)),
        ("object", _) if schema.properties.is_some() => format!("[{path}](#{})", anchor(path)),
        ("string", _) if schema.format.as_deref() == Some("date-time") => "time".to_owned(),
        _ => type_.to_owned(),
    };
    let whole = |bound: Option<f64>| bound.map(|bound| bound.to_string());
    let count = |bound: Option<i64>| bound.filter(|bound| *bound > 0).map(|bound| bound.to_string());
    let limits = [
        (count(schema.min_length), count(schema.max_length), " characters"),
        (count(schema.min_items), count(schema.max_items), " entries"),
        (whole(schema.minimum), whole(schema.maximum), ""),
    ];
    let limits = limits.into_iter().filter_map(|(least, most, unit)| match (least, most) {
        (Some(least), Some(most)) => Some(format!("{least} to {most}{unit}")),
        (Some(least), None) => Some(format!("at least {least}{unit}")),
        (None, Some(most)) => Some(format!("up to {most}{unit}")),
        (None, None) => None,
    });
    let keys = schema.x_kubernetes_list_map_keys.as_ref().map(|keys| {
        let keys: Vec<_> = keys.iter().map(|key| code(key)).collect();
        format!("one for each {}", keys.join(", "))
    });
    let limits: Vec<_> = limits.chain(keys).collect();
    match limits.join(", ") {
        none if none.is_empty() => name,
        limits if type_ == "array" => format!("{name}; {limits}"),
        limits => format!("{name} ({limits})"),
    }
}

fn item(schema: &JSONSchemaProps) -> Option<&JSONSchemaProps> {
    match schema.items.as_ref()? {
        JSONSchemaPropsOrArray::Schema(item) => Some(item),
        JSONSchemaPropsOrArray::Schemas(_) => None,
    }
}

fn child(path: &str, name: &str) -> String {
    format!("{path}.{name}")
}

/// The anchor that GitHub gives a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-' || *c == '_');
    kept.collect::<String>().to_ascii_lowercase()
}

/// A value as it stands in YAML.
fn plain(value: &Value) -> String {
    value.as_str().filter(|text| !text.is_empty()).map_or_else(|| value.to_string(), str::to_owned)
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Text that fits into a table.
fn cell(text: &str) -> String {
    one_line(text).replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    #[test]
    fn a_page_has_every_field_with_its_limits_and_rules() {
        let crd: CustomResourceDefinition = serde_json::from_value(json!({
            "metadata": { "name": "boats.example.com" },
            "spec": {
                "group": "example.com",
                "names": { "kind": "Boat", "plural": "boats", "shortNames": ["bt"] },
                "scope": "Namespaced",
                "versions": [{
                    "name": "v1", "served": true, "storage": true,
                    "additionalPrinterColumns": [
                        { "name": "Crew", "type": "integer", "jsonPath": ".spec.crew.size", "priority": 1 },
                    ],
                    "schema": { "openAPIV3Schema": {
                        "type": "object",
                        "properties": {
                            "metadata": { "type": "object" },
                            "spec": {
                                "type": "object",
                                "required": ["crew"],
                                "x-kubernetes-validations": [{ "rule": "self.sail == oldSelf.sail", "message": "the sail stays" }],
                                "properties": {
                                    "crew": {
                                        "type": "object", "description": "Who sails.",
                                        "properties": { "size": { "type": "integer", "minimum": 1, "maximum": 9 } },
                                    },
                                    "sail": { "type": "string", "enum": ["Up", "Down"], "default": "Up", "description": "a | b\nc" },
                                    "ports": { "type": "array", "maxItems": 3, "items": {
                                        "type": "object", "properties": { "name": { "type": "string", "maxLength": 7, "pattern": "^a" } },
                                    } },
                                },
                            },
                        },
                    } },
                }],
            },
        }))
        .unwrap();
        let page = api_reference(&crd);
        for line in [
            "# API reference of Boat",
            "| names for kubectl | `boats`, `bt` |",
            "| CREW |  | `.spec.crew.size` | with `-o wide` |",
            "## spec",
            "| `crew` | [spec.crew](#speccrew) | required | Who sails. |",
            "| `sail` | `Up`, `Down` | `Up` | a \\| b c |",
            "| `ports` | list of [spec.ports[]](#specports); up to 3 entries |  |  |",
            "- (on a change) the sail stays",
            "### spec.crew",
            "| `size` | integer (1 to 9) |  |  |",
            "### spec.ports[]",
            "| `name` | string (up to 7 characters) |  |  |",
            "- `name`: must match `^a`",
        ] {
            assert!(page.lines().any(|found| found == line), "{line:?} is missing in:\n{page}");
        }
        assert!(!page.contains("metadata"), "{page}");
    }
}
