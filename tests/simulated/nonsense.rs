//! Answers that make no sense: never a panic, never Ready, and an explanation.

use std::time::Duration;

use http::Method;
use postgres_backup_operator::api::conditions::ConditionType;
use serde_json::{Value, json};

use crate::samples;
use crate::wire::Call::{self, Delete, GetInstance, GetVault, Poll, Put, Validate};
use crate::wire::Reply;
use crate::world::{World, is, message};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// A healthy answer to a GET of the backup instance, and the same with something odd about it.
fn odd_instances(healthy: &Value) -> Vec<(&'static str, Reply)> {
    let with = |change: &dyn Fn(&mut Value)| {
        let mut body = healthy.clone();
        change(&mut body);
        Reply::ok(body)
    };
    let text = |text: &str| Reply::ok(json!(text));
    vec![
        ("no object", text("surprise")),
        ("null", Reply::ok(Value::Null)),
        ("a list", Reply::ok(json!([healthy]))),
        ("empty", Reply::ok(json!({}))),
        ("no properties", with(&|body| body["properties"] = Value::Null)),
        ("properties of another type", with(&|body| body["properties"] = json!(["x"]))),
        ("no state", with(&|body| drop(body["properties"].as_object_mut().unwrap().remove("currentProtectionState")))),
        ("a state of another type", with(&|body| body["properties"]["currentProtectionState"] = json!(7))),
        ("an empty state", with(&|body| body["properties"]["currentProtectionState"] = json!(""))),
        ("a state never seen", with(&|body| body["properties"]["currentProtectionState"] = json!("Hibernating"))),
        ("no datasource", with(&|body| body["properties"]["dataSourceInfo"] = Value::Null)),
        ("a datasource of another type", with(&|body| body["properties"]["dataSourceInfo"] = json!("orders"))),
        ("no policy", with(&|body| body["properties"]["policyInfo"] = Value::Null)),
        ("a policy of another type", with(&|body| body["properties"]["policyInfo"]["policyId"] = json!({}))),
        (
            "an error beside it",
            with(&|body| {
                body["properties"]["currentProtectionState"] = json!("ProtectionError");
                body["properties"]["protectionErrorDetails"] =
                    json!({ "code": 7, "message": [], "recommendedAction": "x" });
            }),
        ),
    ]
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_makes_no_sense_is_never_ready_and_never_deleted() {
    let world = World::protected().await;
    let (_, healthy) = world.azure.send(Method::GET, &world.azure.instance().id.to_string(), &Value::Null);
    drop(world);
    for (what, answer) in odd_instances(&healthy) {
        let world = World::creating();
        world.sent(|sent| sent.call == Put && sent.answer.is_some(), 1).await;
        world.wire.disturb_all(GetInstance, answer);
        world.pass(HOUR).await;
        let object = world.kubernetes.get("orders").unwrap();
        assert!(!is(&object, ConditionType::Ready) && is(&object, ConditionType::Stalled), "{what}: {object:#?}");
        assert!(message(&object).len() > 40, "{what}: {}", message(&object));
        assert_eq!(world.wire.of(Delete).len(), 0, "{what}");
        world.wire.calm();
        world.ready("orders").await;
    }
}

#[tokio::test(start_paused = true)]
async fn fields_in_another_casing_are_read_all_the_same() {
    let world = World::protected().await;
    let (_, healthy) = world.azure.send(Method::GET, &world.azure.instance().id.to_string(), &Value::Null);
    world.wire.disturb_all(GetInstance, Reply::ok(pascal(&healthy)));
    let writes = world.wire.count(Call::writes_azure);
    world.pass(2 * HOUR).await;
    assert!(is(&world.kubernetes.get("orders").unwrap(), ConditionType::Ready), "{}", world.wire);
    assert_eq!(world.wire.count(Call::writes_azure), writes);
}

/// The same with every field in Pascal case.
fn pascal(value: &Value) -> Value {
    let upper = |name: &str| format!("{}{}", name[..1].to_uppercase(), &name[1..]);
    match value {
        Value::Object(fields) => fields.iter().map(|(name, value)| (upper(name), pascal(value))).collect(),
        Value::Array(values) => values.iter().map(pascal).collect(),
        other => other.clone(),
    }
}

#[tokio::test(start_paused = true)]
async fn other_answers_that_make_no_sense_end_in_an_explanation() {
    let bodies = [json!("surprise"), Value::Null, json!({}), json!({ "status": "Dreaming" })];
    for call in [GetVault, Validate, Poll, Put] {
        for status in [200, 202, 302, 400] {
            for body in &bodies {
                let world = World::start();
                world.wire.disturb_all(call, Reply { status, ..Reply::ok(body.clone()) });
                world.kubernetes.create(&samples::flexible("orders"));
                world.pass(20 * MINUTE).await;
                let object = world.kubernetes.get("orders").unwrap();
                let ready = is(&object, ConditionType::Ready);
                let truly =
                    world.azure.instances().iter().any(|instance| instance.state.as_str() == "ProtectionConfigured");
                assert!(!ready || truly, "{call:?} {status} {body}: {object:#?}");
                assert!(ready || message(&object).len() > 40, "{call:?} {status} {body}: {object:#?}");
                world.wire.calm();
                world.ready("orders").await;
                assert_eq!(world.azure.instances().len(), 1);
            }
        }
    }
}
