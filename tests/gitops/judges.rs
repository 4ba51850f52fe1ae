//! Asks the tools what they make of objects: the program `gitops-health`, built from `tests/tools/health`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::{io::Write, thread};

use serde::Deserialize;
use serde_json::{Value, json};

/// A question for the program; `main.go` lists what there is.
pub struct Question(Value);

impl Question {
    /// What kstatus computes.
    pub fn kstatus(object: &Value) -> Self {
        Self(json!({ "ask": "kstatus", "object": object }))
    }

    /// What a `health.lua` says.
    pub fn health(object: &Value, script: &str) -> Self {
        Self(json!({ "ask": "health", "object": object, "script": script }))
    }

    /// Which actions a `discovery.lua` offers.
    pub fn discovery(object: &Value, script: &str) -> Self {
        Self(json!({ "ask": "discovery", "object": object, "script": script }))
    }

    /// What an `action.lua` makes of an object.
    pub fn action(object: &Value, script: &str) -> Self {
        Self(json!({ "ask": "action", "object": object, "script": script }))
    }

    /// What the expressions of an entry of `healthCheckExprs` say.
    pub fn flux(object: &Value, expressions: &Value) -> Self {
        Self(json!({ "ask": "flux", "object": object, "expressions": expressions }))
    }
}

/// An answer. A script or expression that failed leaves nothing but the error.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct Answer {
    pub status: String,
    pub message: String,
    pub value: Value,
    pub error: String,
}

/// The answers, in the order of the questions.
pub fn ask(questions: &[Question]) -> Vec<Answer> {
    let mut child = Command::new(program()).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let asked: String = questions.iter().map(|Question(question)| format!("{question}\n")).collect();
    let mut input = child.stdin.take().unwrap();
    let writer = thread::spawn(move || input.write_all(asked.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success(), "{}", output.status);
    let answers: Vec<Answer> =
        String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), questions.len());
    answers
}

/// The program; the first use in a checkout builds it.
fn program() -> &'static Path {
    static PROGRAM: LazyLock<PathBuf> = LazyLock::new(|| {
        let script = [env!("CARGO_MANIFEST_DIR"), "tests", "tools", "build.sh"].iter().collect::<PathBuf>();
        let output = Command::new(script).arg("health").stderr(Stdio::inherit()).output().unwrap();
        assert!(output.status.success(), "tests/tools/build.sh health failed; its reason stands above");
        Path::new(String::from_utf8(output.stdout).unwrap().trim()).join("gitops-health")
    });
    &PROGRAM
}

#[test]
fn a_script_has_no_more_libraries_than_argo_cd_gives_it_and_not_for_ever() {
    let object = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "x" } });
    let answers = ask(&[
        Question::health(&object, "return { status = 'Healthy', message = string.format('%s', 'x') }"),
        Question::health(&object, "return { status = 'Healthy', message = require('os').getenv('HOME') }"),
        Question::health(&object, "while true do end"),
        Question::health(&object, "return { status = 'Fine' }"),
        Question::health(&object, "return { status = 'Healthy', message = table.concat({ os.date('!%Y', 0), 'x' }) }"),
    ]);
    for answer in &answers[..4] {
        assert!(!answer.error.is_empty(), "{answer:?}");
    }
    assert_eq!((answers[4].status.as_str(), answers[4].message.as_str()), ("Healthy", "1970x"));
}
