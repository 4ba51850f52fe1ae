//! A recorded conversation with the real service, played back.

use super::*;

/// Requests and answers in order.
pub(super) struct Recording(Vec<Value>);

impl Recording {
    pub(super) fn of(text: &str) -> Self {
        let recording: Value = serde_json::from_str(text).unwrap();
        Self(recording["interactions"].as_array().unwrap().clone())
    }

    /// The recording without its first `skipped` exchanges.
    pub(super) fn from(self, skipped: usize) -> Self {
        Self(self.0.into_iter().skip(skipped).collect())
    }

    /// The backup instance that the recording is about.
    pub(super) fn instance(&self) -> BackupInstanceId {
        self.id(11).parse().unwrap()
    }

    /// The vault that the recording is about.
    pub(super) fn vault(&self) -> VaultId {
        self.id(9).parse().unwrap()
    }

    /// The first segments of the first path; the one before its leading slash is empty.
    fn id(&self, segments: usize) -> String {
        let url = self.0[0]["request"]["url"].as_str().unwrap();
        let path = url.strip_prefix("https://management.azure.com").unwrap().split('?').next().unwrap();
        path.split('/').take(segments).collect::<Vec<_>>().join("/")
    }

    /// The service: gives the recorded answers in order.
    pub(super) fn azure(&self) -> Arc<FakeAzure> {
        FakeAzure::new(self.0.iter().map(|exchange| {
            let answer = &exchange["response"];
            let header = |name: &'static str| Some((name, answer["headers"][name].as_str()?.to_owned()));
            Reply::Answer {
                status: answer["status"].as_u64().unwrap().try_into().unwrap(),
                headers: ["azure-asyncoperation", "location", "retry-after"].into_iter().filter_map(header).collect(),
                body: if answer["body"].is_null() { Vec::new() } else { answer["body"].to_string().into_bytes() },
            }
        }))
    }

    /// Every recorded request was sent, and nothing else: method, URL and body.
    pub(super) fn assert_replayed(&self, azure: &FakeAzure) {
        let text = |method: &Value| method.as_str().unwrap().to_owned();
        let recorded: Vec<_> = self
            .0
            .iter()
            .map(|exchange| &exchange["request"])
            .map(|request| (text(&request["method"]), text(&request["url"]), request["body"].clone()))
            .collect();
        let sent: Vec<_> = azure
            .sent()
            .into_iter()
            .map(|sent| (sent.method.to_string(), sent.url, sent.body.unwrap_or_default()))
            .collect();
        assert_eq!(sent, recorded);
    }
}
