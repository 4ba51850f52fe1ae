//! Tags of a backup instance, and what Azure Resource Manager refuses in them.

use serde_json::Value;

use crate::errors::{Failure, FrontDoorError};
use crate::instance::Tags;
use crate::json::Object;

const MOST: usize = 50;
const LONGEST_NAME: usize = 512;
const LONGEST_VALUE: usize = 256;
const RESERVED: &str = "<>%&\\?/";

/// Reads `tags`; `None` when there are none in the body. The limits are documented by Azure Resource Manager; its
/// codes for them were not recorded with this provider.
pub(crate) fn read(resource: Object<'_>) -> Result<Option<Tags>, Failure> {
    let Some(tags) = resource.object("tags")? else {
        return Ok(None);
    };
    let pairs = tags.iter().filter_map(|(name, value)| match value {
        Value::String(value) => Some((name.clone(), value.clone())),
        _ => None,
    });
    let tags: Tags = pairs.collect();
    let refuse = |code, message| Err(FrontDoorError::bad_request(code, message).into());
    if tags.len() > MOST {
        return refuse(
            "TagCountLimitExceeded",
            format!("The resource has {} tags. The maximum number of tags is '{MOST}'.", tags.len()),
        );
    }
    for (name, value) in &tags {
        if name.chars().any(|character| RESERVED.contains(character) || character.is_control()) {
            return refuse(
                "InvalidTagNameCharacters",
                format!("The tag names '{name}' have reserved characters '<,>,%,&,\\,?,/' or control characters."),
            );
        }
        if name.is_empty() || name.chars().count() > LONGEST_NAME {
            return refuse(
                "InvalidTagNameLength",
                format!("Tag name '{name}' is empty or longer than '{LONGEST_NAME}' characters."),
            );
        }
        if value.chars().count() > LONGEST_VALUE {
            return refuse(
                "InvalidTagValueLength",
                format!(
                    "Tag value too large. Following tag value '{value}' exceeded the maximum length. Maximum allowed length for tag value - '{LONGEST_VALUE}' characters."
                ),
            );
        }
    }
    Ok(Some(tags))
}
