#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;

/// Statuses with which any code may come.
const STATUSES: [Option<u16>; 6] = [None, Some(400), Some(403), Some(404), Some(409), Some(500)];

#[test]
fn a_known_code_decides_wherever_it_comes_from_and_however_it_is_spelled() {
    for (code, class) in CODES {
        for status in STATUSES {
            assert_eq!(classify(status, code), *class, "{code}");
            assert_eq!(classify(status, &code.to_uppercase()), *class, "{code}");
        }
    }
}

#[test]
fn no_code_stands_in_the_table_twice() {
    let mut codes: Vec<String> = CODES.iter().map(|(code, _)| code.to_lowercase()).collect();
    codes.sort();
    let all = codes.len();
    codes.dedup();
    assert_eq!(codes.len(), all);
}

/// Codes users will meet, written out a second time: a change in the table has to be meant.
#[test]
fn codes_users_meet() {
    let cases = [
        ("UserErrorMissingRequiredPermissions", Permission),
        ("UserErrorMSIMissingPermissions", Permission),
        ("UserErrorMissingMSIPermissionsOnSnapshotResourceGroup", Permission),
        ("UserErrorMissingPermissionsOnSecretStore", Permission),
        ("AuthorizationFailed", Permission),
        ("UserErrorMissingNetworkSecurityPermissions", Prerequisite),
        ("UserErrorInvalidRequestParameter", Prerequisite),
        ("UserErrorDBNotFound", Prerequisite),
        ("UserErrorInvalidSecretStore", Prerequisite),
        ("UserErrorInvalidSecret", Prerequisite),
        ("ResourceNotFound", Prerequisite),
        ("ResourceGroupNotFound", Prerequisite),
        ("SubscriptionNotFound", Prerequisite),
        ("UserErrorDppDatasourceAlreadyProtected", Request),
        ("UserErrorDppDatasourceAlreadyHasBackupInstance", Request),
        ("UserErrorSecretValueInUnsupportedFormat", Request),
        ("DppPluginInvalidInputParameters", Request),
        ("CloudInternalError", Transient),
        ("UserErrorServerConnectionClosed", Transient),
        ("AnotherOperationInProgress", Busy),
        ("UserErrorResourceGuardApprovalMissing", Approval),
    ];
    for (code, class) in cases {
        assert_eq!(classify(Some(400), code), class, "{code}");
        assert_eq!(classify(None, code), class, "{code}");
    }
}

#[test]
fn the_status_decides_for_unknown_codes() {
    let cases = [
        (400, Request),
        (401, Permission),
        (403, Permission),
        (404, Prerequisite),
        (405, Request),
        (406, Request),
        (408, Transient),
        (409, Busy),
        (410, Prerequisite),
        (412, Busy),
        (423, Busy),
        (425, Transient),
        (429, Throttled),
        (500, Transient),
        (501, Transient),
        (502, Transient),
        (503, Transient),
        (504, Transient),
        (599, Transient),
    ];
    for (status, class) in cases {
        assert_eq!(classify(Some(status), "UserErrorNobodyKnows"), class, "{status}");
        assert_eq!(classify(Some(status), ""), class, "{status}");
    }
}

#[test]
fn throttling_wins_over_any_code() {
    for (code, _) in CODES {
        assert_eq!(classify(Some(429), code), Throttled, "{code}");
    }
}

#[test]
fn inside_a_successful_answer_an_unknown_user_error_is_a_prerequisite() {
    assert_eq!(classify(None, "UserErrorKubernetesBackupExtensionNotFound"), Prerequisite);
    assert_eq!(classify(None, "SomethingElse"), Transient);
    assert_eq!(classify(None, ""), Transient);
}
