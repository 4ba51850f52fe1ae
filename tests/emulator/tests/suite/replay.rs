//! Plays a recording to the emulator and compares the answers.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::RangeInclusive;

use azure_emulator::{Response, World};
use http::Method;
use serde_json::{Map, Value, json};

use crate::common::Run;
use crate::recordings::accepted;

/// Headers that Azure Resource Manager adds to every answer. The recorders took them out.
const UNRECORDED: [&str; 10] = [
    "cache-control",
    "date",
    "expires",
    "pragma",
    "strict-transport-security",
    "x-content-type-options",
    "x-ms-correlation-request-id",
    "x-ms-failure-cause",
    "x-ms-request-id",
    "x-ms-routing-request-id",
];

/// A recording, an emulator, and what connects them.
pub(crate) struct Player {
    name: &'static str,
    pub(crate) interactions: Vec<Value>,
    pub(crate) run: Run,
    /// The emulator's URLs for recorded ones, by the recorded path.
    urls: BTreeMap<String, String>,
}

impl Player {
    pub(crate) fn new(name: &'static str, world: World) -> Self {
        let path = format!("{}/vectors/wire-recordings/{name}.json", env!("CARGO_MANIFEST_DIR"));
        let recording: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        let interactions = recording["interactions"].as_array().unwrap().clone();
        Self { name, interactions, run: Run::new(world), urls: BTreeMap::new() }
    }

    /// Brings about the instance that a recorded GET shows.
    pub(crate) fn protect(&mut self, recorded_get: usize) {
        let interaction = &self.interactions[recorded_get];
        let url = interaction["request"]["url"].as_str().unwrap().to_owned();
        let mut properties = interaction["response"]["body"]["properties"].as_object().unwrap().clone();
        for read_only in ["protectionStatus", "currentProtectionState", "provisioningState"] {
            properties.remove(read_only);
        }
        let response = self.run.send(Method::PUT, &url, Some(&json!({ "properties": properties })));
        assert_eq!(response.status, 201, "{:?}", response.body_json());
        self.run.wait_seconds(300);
    }

    /// Plays a recorded sync, and returns the URL of its status, which still says that it runs.
    pub(crate) fn sync(&mut self, recorded: usize) -> String {
        self.play(recorded..=recorded);
        let header = &self.interactions[recorded]["response"]["headers"]["azure-asyncoperation"];
        let path = header.as_str().unwrap().split('?').next().unwrap();
        let url = self.urls[path].clone();
        assert_eq!(self.run.get(&url).body_json()["status"], "Inprogress");
        url
    }

    pub(crate) fn play(&mut self, range: RangeInclusive<usize>) {
        for index in range {
            self.play_one(index);
        }
    }

    fn play_one(&mut self, index: usize) {
        let interaction = self.interactions[index].clone();
        let request = &interaction["request"];
        let method: Method = request["method"].as_str().unwrap().parse().unwrap();
        let recorded_url = request["url"].as_str().unwrap();
        let recorded_path = recorded_url.split('?').next().unwrap();
        let url = self.urls.get(recorded_path).cloned().unwrap_or_else(|| recorded_url.to_owned());
        let body = Some(&request["body"]).filter(|body| !body.is_null());
        let expected = Answer::recorded(&interaction["response"]);

        // A recorded poll may have been repeated with the same answer.
        let repeats = interaction["repeats"].as_u64().unwrap_or(1);
        for _ in 0..repeats {
            let mut waited = 0;
            loop {
                let response = self.run.send(method.clone(), &url, body);
                let answer = Answer::emulated(&response);
                let difference = self.difference(recorded_path, &expected, &answer);
                let Some(difference) = difference else {
                    self.remember(&interaction["response"], &response);
                    break;
                };
                assert!(
                    method == Method::GET && waited < 180,
                    "{} interaction {index}, {method} {recorded_path}: {difference}",
                    self.name
                );
                self.run.wait_seconds(1);
                waited += 1;
            }
        }
    }

    /// The URLs of an operation that a recorded answer started, and the emulator's for them.
    fn remember(&mut self, recorded: &Value, response: &Response) {
        for header in ["azure-asyncoperation", "location"] {
            if let (Some(recorded), Some(own)) = (recorded["headers"][header].as_str(), response.header(header)) {
                let path = recorded.split('?').next().unwrap();
                self.urls.insert(path.to_owned(), own.to_owned());
            }
        }
    }

    fn difference(&self, path: &str, expected: &Answer, answer: &Answer) -> Option<String> {
        if expected.status != answer.status {
            return Some(format!("status {} instead of {}: {}", answer.status, expected.status, answer.body));
        }
        if expected.body != answer.body {
            return Some(format!("body\n{}\ninstead of\n{}", answer.body, expected.body));
        }
        let names: BTreeSet<&String> = expected.headers.keys().chain(answer.headers.keys()).collect();
        names.into_iter().find_map(|name| {
            let (wanted, got) = (expected.headers.get(name), answer.headers.get(name));
            let is_result = path.contains("/operationResults/") && name == "azure-asyncoperation";
            let listed = if is_result { format!("{name} of operationResults") } else { name.clone() };
            (wanted != got && !accepted(self.name, &listed)).then(|| format!("{name}: {got:?} instead of {wanted:?}"))
        })
    }
}

/// A normalised answer.
struct Answer {
    status: u64,
    headers: BTreeMap<String, String>,
    body: Value,
}

impl Answer {
    fn recorded(response: &Value) -> Self {
        let empty = Map::new();
        let headers = response["headers"].as_object().unwrap_or(&empty);
        let pairs = headers.iter().map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()));
        Self::normalised(response["status"].as_u64().unwrap(), pairs, response["body"].clone())
    }

    fn emulated(response: &Response) -> Self {
        let pairs = response.headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
        Self::normalised(u64::from(response.status.as_u16()), pairs, response.body_json())
    }

    fn normalised(status: u64, headers: impl Iterator<Item = (String, String)>, mut body: Value) -> Self {
        normalise(&mut body);
        let headers = headers.filter(|(name, _)| !UNRECORDED.contains(&name.as_str())).map(|(name, value)| {
            let value = if name.starts_with("x-ms-ratelimit-remaining") { "COUNT".to_owned() } else { url(&value) };
            (name, value)
        });
        Self { status, headers: headers.collect(), body }
    }
}

/// Replaces what differs from run to run.
fn normalise(value: &mut Value) {
    const TIMES: [&str; 7] = [
        "startTime",
        "endTime",
        "deletionTime",
        "billingEndDate",
        "scheduledPurgeTime",
        "lastUpdatedTime",
        "unlockDeleteExpiryTime",
    ];
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let never = value.as_str().is_some_and(|text| text.starts_with("0001"));
                if TIMES.contains(&name.as_str()) && !never {
                    *value = json!("TIME");
                } else if ["ActivityId", "deleteActivityID"].contains(&name.as_str()) {
                    *value = json!("GUID");
                } else {
                    normalise(value);
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(normalise),
        Value::String(text) => *text = url(text),
        _ => {}
    }
}

/// A text in which operation ids and the values of signatures are replaced.
fn url(text: &str) -> String {
    let (path, query) = text.split_once('?').map_or((text, None), |(path, query)| (path, Some(query)));
    // The base64 text of two GUIDs and a semicolon has 100 characters.
    let segments = path
        .split('/')
        .map(|segment| if segment.len() == 100 && segment.ends_with("==") { "OPERATION" } else { segment });
    let path = segments.collect::<Vec<_>>().join("/");
    let Some(query) = query else { return path };
    let pairs = query.split('&').map(|pair| match pair.split_once('=') {
        Some((name @ ("t" | "c" | "s" | "h"), _)) => format!("{name}=REDACTED"),
        _ => pair.to_owned(),
    });
    format!("{path}?{}", pairs.collect::<Vec<_>>().join("&"))
}

/// The names of all members, with the types of their values.
pub(crate) fn shape(value: &Value) -> Value {
    match value {
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), shape(value))).collect(),
        Value::Array(values) => values.first().map_or(json!([]), |first| json!([shape(first)])),
        Value::String(_) => json!("string"),
        Value::Bool(_) => json!("boolean"),
        Value::Number(_) => json!("number"),
        Value::Null => Value::Null,
    }
}
