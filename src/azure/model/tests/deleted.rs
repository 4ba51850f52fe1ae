//! What is read of soft-deleted instances. A recorded one is read in the tests of the requests.

use super::*;

#[test]
fn times_are_read_leniently() {
    let time = "2024-07-10T07:49:49.4617127Z";
    let cases = [
        (json!(time), Some(time)),
        (json!("2024-07-10T07:49:49.4617127"), Some(time)),
        (json!("2024-07-10 09:49:49.4617127+02:00"), Some(time)),
        (json!(" 2024-07-10t07:49:49.4617127z "), Some(time)),
        (json!("0001-01-01T00:00:00Z"), None),
        (json!("0001-01-01T00:00:00"), None),
        (json!("9999-12-31T23:59:59.9999999"), None),
        (json!("soon"), None),
        (json!(""), None),
        (json!(1720597789), None),
        (json!(null), None),
    ];
    for (text, expected) in cases {
        let info = json!({ "deletionTime": "2024-06-26T07:49:49Z", "SCHEDULEDPURGETIME": text });
        let raw = json!({ "name": "n", "properties": { "DeletionInfo": info } });
        let deleted = DeletedInstance::parse(raw.clone()).unwrap();
        assert_eq!(deleted.instance, Instance::parse(raw).unwrap());
        assert_eq!(deleted.deletion_time, Some("2024-06-26T07:49:49Z".parse().unwrap()));
        assert_eq!(deleted.scheduled_purge_time, expected.map(|time| time.parse().unwrap()), "{text}");
    }
}

#[test]
fn an_instance_need_not_say_when_it_was_deleted() {
    for properties in [json!({}), json!({ "deletionInfo": null }), json!({ "deletionInfo": "yesterday" })] {
        let deleted = DeletedInstance::parse(json!({ "properties": properties })).unwrap();
        assert_eq!((deleted.deletion_time, deleted.scheduled_purge_time), (None, None));
    }
    for nothing in [json!(null), json!([]), json!({}), json!({ "properties": 3 })] {
        assert_eq!(DeletedInstance::parse(nothing), None);
    }
}
