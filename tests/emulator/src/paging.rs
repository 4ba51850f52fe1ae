//! Lists, in pages when the settings say so. How many resources Azure puts into a page is not known.

use std::num::NonZeroUsize;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use serde::Serialize;
use url::form_urlencoded::byte_serialize;

use crate::arm::Call;
use crate::engine::Engine;
use crate::errors::{Failure, UserFacingError};
use crate::http::Response;
use crate::id::ResourceId;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Page<T> {
    value: Vec<T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_link: Option<String>,
}

impl Engine {
    /// One page of resources that come in the order of their ids. The token names the last resource of the page before,
    /// so that nothing is left out when others come and go in between.
    pub(crate) fn page<'a, T: Serialize>(
        &self,
        call: &Call<'_>,
        resources: impl Iterator<Item = (&'a ResourceId, T)>,
    ) -> Result<Response, Failure> {
        let after = match call.request.query_value("$skipToken") {
            Some(token) => Some(decode(&token).ok_or_else(|| UserFacingError::invalid_parameter("skipToken"))?),
            None => None,
        };
        let mut rest =
            resources.skip_while(|(id, _)| after.as_ref().is_some_and(|after| *id <= after)).collect::<Vec<_>>();
        let size = self.world.settings.page_size.map_or(usize::MAX, NonZeroUsize::get);
        let more = rest.len() > size;
        rest.truncate(size);
        let last = rest.last().filter(|_| more).map(|(id, _)| URL_SAFE_NO_PAD.encode(id.as_str()));
        let next_link = last.map(|token| {
            let (base, path, version) = (&self.base_url, &call.request.path, call.version);
            let token: String = byte_serialize(token.as_bytes()).collect();
            format!("{base}{path}?api-version={version}&$skipToken={token}")
        });
        let value = rest.into_iter().map(|(_, resource)| resource).collect();
        Ok(Response::json(StatusCode::OK, &Page { value, next_link }))
    }
}

fn decode(token: &str) -> Option<ResourceId> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
    ResourceId::parse(&text).ok()
}
