//! A look at what the operator's client receives, below the client.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use azure_core::http::{AsyncRawResponse, HttpClient, Request};

/// An HTTP client that passes everything on to another one and remembers the last answer's status, which the operator's
/// client does not tell of a success.
///
/// It can also give a request another last segment, since the operator's client has no method for `resumeBackups`: that is
/// `resumeProtection` in everything but the name.
#[derive(Debug)]
pub struct Wire {
    below: Arc<dyn HttpClient>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    status: Option<u16>,
    detour: Option<Detour>,
}

/// Requests whose path ends with one segment go to another.
#[derive(Clone, Copy, Debug)]
pub struct Detour {
    /// The last segment of the path.
    pub from: &'static str,
    /// The one to take its place.
    pub to: &'static str,
}

impl Wire {
    /// A wire above a client.
    pub fn new(below: Arc<dyn HttpClient>) -> Self {
        Self { below, state: Mutex::default() }
    }

    /// The HTTP status of the last answer, once; nothing if there has been none since it was last asked for.
    pub fn take_status(&self) -> Option<u16> {
        self.state().status.take()
    }

    /// Sends what `request` sends by this detour.
    pub async fn by<T>(&self, detour: Detour, request: impl Future<Output = T>) -> T {
        self.state().detour = Some(detour);
        let answer = request.await;
        self.state().detour = None;
        answer
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Two plain values; a panic in between leaves nothing half-done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Detour {
    /// The request on its new way; nothing if it is not meant.
    fn apply(self, request: &Request) -> Option<Request> {
        let path = request.url().path().strip_suffix(self.from)?.to_owned();
        if !path.ends_with('/') {
            return None;
        }
        let mut request = request.clone();
        request.url_mut().set_path(&format!("{path}{}", self.to));
        Some(request)
    }
}

impl HttpClient for Wire {
    fn execute_request<'client, 'request, 'future>(
        &'client self,
        request: &'request Request,
    ) -> Pin<Box<dyn Future<Output = azure_core::Result<AsyncRawResponse>> + Send + 'future>>
    where
        'client: 'future,
        'request: 'future,
        Self: 'future,
    {
        let detour = self.state().detour;
        let detoured = detour.and_then(|detour| detour.apply(request));
        Box::pin(async move {
            let answer = self.below.execute_request(detoured.as_ref().unwrap_or(request)).await?;
            self.state().status = Some(answer.status().into());
            Ok(answer)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use azure_core::http::{Method, Url};

    #[test]
    fn a_detour_changes_the_last_segment_and_nothing_else() {
        let detour = Detour { from: "resumeProtection", to: "resumeBackups" };
        let request = |url: &str| Request::new(Url::parse(url).unwrap(), Method::Post);
        let detoured = detour.apply(&request("https://arm/a/resumeProtection?api-version=1")).unwrap();
        assert_eq!(detoured.url().as_str(), "https://arm/a/resumeBackups?api-version=1");
        for other in
            ["https://arm/a/stopProtection", "https://arm/a/notresumeProtection", "https://arm/resumeProtection/a"]
        {
            assert!(detour.apply(&request(other)).is_none(), "{other}");
        }
    }
}
