//! The error answers: those of Azure Resource Manager's front door, and those of the Data Protection service.

use std::borrow::Cow;

use http::{HeaderName, HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};

use crate::http::Response;
use crate::json::ReadError;

/// Why a request did not succeed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Refused before it reached the service.
    FrontDoor(FrontDoorError),
    /// Refused by the service, with something to tell people.
    Service(StatusCode, UserFacingError),
    /// The service knows no such instance.
    NotFound,
}

impl From<FrontDoorError> for Failure {
    fn from(error: FrontDoorError) -> Self {
        Self::FrontDoor(error)
    }
}

impl From<UserFacingError> for Failure {
    fn from(error: UserFacingError) -> Self {
        Self::Service(StatusCode::BAD_REQUEST, error)
    }
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Missing { path } => UserFacingError::invalid_parameter(&path).into(),
            ReadError::Type { path, expected } => FrontDoorError::bad_request(
                "InvalidRequestContent",
                format!(
                    "The request content was invalid and could not be deserialized: 'Error converting value at path '{path}' to type '{expected}'.'."
                ),
            )
            .into(),
        }
    }
}

impl Failure {
    /// The answer. Errors of the front door and of the service differ in members and headers.
    pub(crate) fn response(&self, activity_id: &str) -> Response {
        match self {
            Self::FrontDoor(error) => error.response(),
            Self::Service(status, error) => Response::json(*status, &error.synchronous(activity_id)),
            Self::NotFound => not_found(),
        }
    }
}

/// The service's 404, as recorded, with its own content type and two headers that no other answer has.
fn not_found() -> Response {
    const CODE: &str = "UserErrorGenericResourceNotFound";
    let body = CloudError {
        error: ServiceError {
            additional_info: None,
            code: CODE,
            message: "Azure resource does not exist. Please make sure required resources exist. If the issue persists, contact Microsoft support.",
            target: Some(None),
            details: Some(None),
        },
    };
    let mut response = Response::json(StatusCode::NOT_FOUND, &body);
    response.headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.with(http::header::CONTENT_LANGUAGE, "en-US").with(HeaderName::from_static("x-ms-error-code"), CODE)
}

/// An error of Azure Resource Manager itself: a status, a code and a message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FrontDoorError {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

impl FrontDoorError {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    pub(crate) fn bad_request(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    pub(crate) fn not_found(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, message)
    }

    fn response(&self) -> Response {
        #[derive(Serialize)]
        struct Body<'a> {
            error: Plain<'a>,
        }
        #[derive(Serialize)]
        struct Plain<'a> {
            code: &'a str,
            message: &'a str,
        }
        let error = Plain { code: self.code, message: &self.message };
        Response::json(self.status, &Body { error }).with(HeaderName::from_static("x-ms-failure-cause"), "gateway")
    }
}

/// An error that the service words for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UserFacingError {
    /// The code, such as `UserErrorMissingRequiredPermissions`.
    pub code: Cow<'static, str>,
    /// What is wrong.
    #[serde(default)]
    pub message: String,
    /// What to do about it.
    #[serde(default)]
    pub recommended_action: Vec<String>,
    /// The cause that only `innerError.additionalInfo.DetailedNonLocalisedMessage` tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl UserFacingError {
    pub(crate) fn new(code: &'static str, message: impl Into<String>, recommended_action: impl Into<String>) -> Self {
        Self {
            code: Cow::Borrowed(code),
            message: message.into(),
            recommended_action: vec![recommended_action.into()],
            detail: None,
        }
    }

    pub(crate) fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// The recorded answer to a PUT with an unknown policy, which names any bad parameter.
    pub(crate) fn invalid_parameter(name: &str) -> Self {
        Self::new(
            "UserErrorInvalidRequestParameter",
            format!("Parameter {name} in request is invalid"),
            format!("Please provide correct value for parameter {name}"),
        )
    }

    /// The body of a synchronous refusal: `details` and `innerError` are there and null.
    fn synchronous<'a>(&'a self, activity_id: &'a str) -> impl Serialize + 'a {
        CloudError {
            error: ServiceError {
                target: Some(None),
                details: Some(None),
                ..self.service_error(UserFacingInfo {
                    details: Some(None),
                    inner_error: Some(None),
                    ..self.info(activity_id)
                })
            },
        }
    }

    /// The `error` of a failed operation.
    pub(crate) fn of_operation<'a>(&'a self, activity_id: &'a str) -> ServiceError<'a> {
        self.service_error(self.info(activity_id))
    }

    /// The `error` of a failed sync: as recorded, with the very error of the instance.
    pub(crate) fn of_sync<'a>(&'a self, activity_id: &'a str) -> ServiceError<'a> {
        self.service_error(self.of_instance(activity_id))
    }

    /// `protectionErrorDetails` of an instance, which has no `target`.
    pub(crate) fn of_instance<'a>(&'a self, activity_id: &'a str) -> UserFacingInfo<'a> {
        UserFacingInfo { target: None, ..self.info(activity_id) }
    }

    fn service_error<'a>(&'a self, info: UserFacingInfo<'a>) -> ServiceError<'a> {
        ServiceError {
            additional_info: Some([AdditionalInfo { kind: "UserFacingError", info }]),
            code: &self.code,
            message: &self.message,
            target: None,
            details: None,
        }
    }

    fn info<'a>(&'a self, activity_id: &'a str) -> UserFacingInfo<'a> {
        UserFacingInfo {
            message: &self.message,
            recommended_action: &self.recommended_action,
            details: None,
            code: &self.code,
            target: Some(""),
            inner_error: self
                .detail
                .as_deref()
                .map(|detail| Some(InnerError { code: &self.code, additional_info: Detail { detail } })),
            is_retryable: false,
            is_user_error: false,
            properties: Activity { activity_id },
        }
    }
}

/// An error with the id under which support finds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incident {
    /// The error.
    pub error: UserFacingError,
    /// `properties.ActivityId`: the correlation id of the request that led to it.
    pub activity_id: String,
}

// The wire forms, in the order of the recordings. `Some(None)` is a member that is there and null.

#[derive(Serialize)]
struct CloudError<'a> {
    error: ServiceError<'a>,
}

/// `Error` on the wire.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ServiceError<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    additional_info: Option<[AdditionalInfo<'a>; 1]>,
    code: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<Option<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<Option<[&'a str; 0]>>,
}

#[derive(Serialize)]
struct AdditionalInfo<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    info: UserFacingInfo<'a>,
}

/// `UserFacingError` on the wire.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UserFacingInfo<'a> {
    message: &'a str,
    recommended_action: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<Option<[&'a str; 0]>>,
    code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    inner_error: Option<Option<InnerError<'a>>>,
    is_retryable: bool,
    is_user_error: bool,
    properties: Activity<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct InnerError<'a> {
    code: &'a str,
    additional_info: Detail<'a>,
}

#[derive(Serialize)]
struct Detail<'a> {
    #[serde(rename = "DetailedNonLocalisedMessage")]
    detail: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Activity<'a> {
    activity_id: &'a str,
}
