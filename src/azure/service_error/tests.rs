#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;
use serde_json::json;

const RECORDED: &str = include_str!("../../../tests/vectors/azure/recorded-errors.json");
const ARTICLE: &str = include_str!("../../../tests/vectors/azure/article-2021-01-01.md");

#[test]
fn every_recorded_error_decodes_completely() {
    let recorded: Vec<Value> = serde_json::from_str(RECORDED).unwrap();
    assert_eq!(recorded.len(), 20);
    for entry in recorded {
        let value = &entry["value"];
        let error = ServiceError::decode(value).unwrap();
        let outer = if value["error"].is_object() { &value["error"] } else { value };
        assert_eq!(error.code, outer["code"].as_str().unwrap());
        assert_eq!(error.message, outer["message"].as_str().unwrap().trim());
        let info = outer.pointer("/additionalInfo/0/info").unwrap_or(outer);
        let actions = info["recommendedAction"].as_array().map_or(0, Vec::len);
        assert_eq!(error.recommended_actions.len(), actions, "{}", error.code);
        assert_eq!(error.activity_id.as_deref(), info["properties"]["ActivityId"].as_str(), "{}", error.code);
        let cause = info.pointer("/innerError/additionalInfo/DetailedNonLocalisedMessage");
        let cause = cause.and_then(Value::as_str).filter(|cause| *cause != error.message);
        assert_eq!(error.detail.as_deref(), cause, "{}", error.code);
        assert_eq!(error.target, None, "an empty target is none");
    }
}

/// The JSON bodies in the article that hold an error, in order.
fn article_errors() -> Vec<ServiceError> {
    let blocks = ARTICLE.split("```").filter_map(|block| block.find("\n{").map(|start| &block[start..]));
    blocks
        .filter_map(|json| serde_json::from_str::<Value>(json).ok())
        .filter(|body| body["error"].is_object())
        .map(|body| ServiceError::decode(&body).unwrap())
        .collect()
}

#[test]
fn the_errors_of_the_article() {
    let [protected, permissions] = article_errors().try_into().unwrap();
    assert_eq!(protected.code, "UserErrorDppDatasourceAlreadyProtected");
    assert_eq!(protected.class(), ErrorClass::Request);
    assert!(protected.message.starts_with("Datasource is already protected under the Backup vault /subscriptions/"));
    assert!(protected.recommended_actions[0].starts_with("Delete the backup instance testpostgresql-empdb11-"));
    assert_eq!(protected.activity_id.as_deref(), Some("0c99ff0f-6c26-4ec7-899f-205435e89894"));
    assert_eq!((protected.detail, protected.target), (None, None));

    assert_eq!(permissions.code, "UserErrorMissingRequiredPermissions");
    assert_eq!(permissions.class(), ErrorClass::Permission);
    assert_eq!(permissions.message, "Appropriate permissions to perform the operation is missing.");
    let detail = permissions.detail.unwrap();
    assert!(detail.contains("The client '00001111-aaaa-2222-bbbb-3333cccc4444'"), "{detail}");
    assert!(detail.contains("'Microsoft.Authorization/roleAssignments/read'"), "{detail}");
    assert!(permissions.recommended_actions[0].contains("https://aka.ms/UserErrorMissingRequiredPermissions"));
}

#[test]
fn the_innermost_cause_is_found() {
    let inner = |inner: Value| {
        let info = json!({ "code": "UserErrorX", "message": "Outer.", "innerError": inner });
        ServiceError::decode(&info).unwrap().detail
    };
    let cause = |text: &str| json!({ "DetailedNonLocalisedMessage": text });
    let cases = [
        (Value::Null, None),
        (json!({ "code": "Success", "additionalInfo": cause("Why.") }), Some("Why.")),
        (json!({ "code": "Success", "additionalInfo": cause("Outer.") }), None),
        (json!({ "code": "Success" }), None),
        (json!({ "code": "UserErrorX" }), None),
        (json!({ "code": "DeeperCode" }), Some("DeeperCode")),
        (
            json!({ "additionalInfo": cause("First."), "embeddedInnerError": { "additionalInfo": cause("Second.") } }),
            Some("Second."),
        ),
        (json!({ "additionalInfo": cause("First."), "embeddedInnerError": { "code": "Deep" } }), Some("First.")),
        (json!("text"), None),
    ];
    for (given, detail) in cases {
        assert_eq!(inner(given.clone()).as_deref(), detail, "{given}");
    }
}

#[test]
fn any_casing_and_any_missing_or_odd_member_is_taken() {
    let odd = json!({ "Error": {
        "Code": "C", "MESSAGE": 7, "details": { "not": "a list" },
        "AdditionalInfo": [3, { "Type": "other" }, { "TYPE": "userfacingerror", "Info": {
            "Message": "M", "recommendedaction": "Only one", "PROPERTIES": { "activityid": "a1" }, "target": "  ",
        } }],
    } });
    let error = ServiceError::decode(&odd).unwrap();
    assert_eq!((error.code.as_str(), error.message.as_str()), ("C", "M"));
    assert_eq!(error.recommended_actions, ["Only one"]);
    assert_eq!((error.activity_id.as_deref(), error.target), (Some("a1"), None));
    for nothing in [json!(null), json!([]), json!("text"), json!({}), json!({ "error": null }), json!({ "error": {} })]
    {
        assert_eq!(ServiceError::decode(&nothing), None, "{nothing}");
    }
}

#[test]
fn details_of_resource_manager_stand_in_for_a_cause() {
    let error = json!({ "error": { "code": "Invalid", "message": "Invalid.", "details": [
        { "code": "A", "message": "First." }, { "message": "Second." }, 3,
    ] } });
    assert_eq!(ServiceError::decode(&error).unwrap().detail.as_deref(), Some("A: First.; Second."));
}

#[test]
fn texts_are_single_lines_of_bounded_length() {
    let long = "ä\n".repeat(10_000);
    let error = json!({
        "code": long, "message": long, "target": long, "recommendedAction": vec![&long; 50],
        "innerError": { "additionalInfo": { "DetailedNonLocalisedMessage": long } },
        "properties": { "ActivityId": long },
    });
    let error = ServiceError::decode(&error).unwrap();
    let lengths = [&error.code, &error.message, error.detail.as_ref().unwrap(), error.target.as_ref().unwrap()]
        .map(|text| text.chars().count());
    assert_eq!(lengths, [CODE, MESSAGE, DETAIL, CODE]);
    assert_eq!(error.recommended_actions.len(), ACTIONS);
    assert!(error.message.ends_with('…') && !error.message.contains('\n'));
}

#[test]
fn an_answer_without_a_readable_error_still_has_code_and_message() {
    type Case<'a> = (u16, Option<&'a str>, &'a [u8], &'a str, &'a str);
    let cases: [Case<'_>; 4] = [
        (
            502,
            None,
            b"<html>Bad gateway</html>",
            "Http502",
            "Azure answered with HTTP status 502 and no readable error.",
        ),
        (
            404,
            Some("ResourceNotFound"),
            b"",
            "ResourceNotFound",
            "Azure answered with HTTP status 404 and no readable error.",
        ),
        (400, Some("Other"), br#"{"error":{"code":"Own","message":"M"}}"#, "Own", "M"),
        (400, None, br#"{"error":{"message":"M"}}"#, "Http400", "M"),
    ];
    for (status, header, body, code, message) in cases {
        let error = ServiceError::of_answer(status, header, body);
        assert_eq!((error.code.as_str(), error.message.as_str()), (code, message));
    }
}

#[test]
fn a_failed_operation_without_an_error_says_so() {
    let error = ServiceError::decode_operation(&json!({ "status": "Failed" }));
    assert_eq!(error.to_string(), "OperationFailed: The operation failed, and Azure does not say why.");
    assert_eq!(error.class(), ErrorClass::Transient);
}
