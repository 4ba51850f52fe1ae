//! Objects as they are watched.

use kube::core::DeserializeGuard;
use kube::{Resource, ResourceExt};

use crate::api::{PostgresBackup, annotations};

/// An object as the API server stores it, or why it cannot be read: one that cannot must not stop the watch of the others.
pub type Stored = DeserializeGuard<PostgresBackup>;

/// Drops what no pass reads, and of which the API server lets a user store hundreds of kilobytes in an object: every object
/// stays in memory.
pub fn slim(stored: &mut Stored) {
    stored.managed_fields_mut().clear();
    let metadata = stored.meta_mut();
    (metadata.labels, metadata.owner_references) = (None, None);
    stored.annotations_mut().retain(|name, value| {
        value.truncate(value.floor_char_boundary(annotations::LONGEST));
        annotations::ALL.contains(&name.as_str())
    });
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::reconcile::testing::object;

    #[test]
    fn of_an_object_what_is_read_is_kept_and_nothing_else_that_a_user_may_blow_up() {
        let mut full = object(json!({}));
        let large = "x".repeat(200_000);
        full.metadata.labels = Some([("team".to_owned(), large.clone())].into());
        full.metadata.annotations = Some(
            [
                ("example.com/notes", large.as_str()),
                (annotations::PAUSED, "true"),
                (annotations::TAKE_OVER_FROM, &large),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        );
        let mut stored = DeserializeGuard(Ok(full.clone()));
        slim(&mut stored);
        let kept = stored.0.unwrap();
        assert!(serde_json::to_vec(&kept).unwrap().len() < 4_096);
        assert!(annotations::is_paused(&kept));
        assert!(!annotations::takes_over_from(&kept, &large), "no owner tag is as long as that");
        assert_eq!((kept.spec, kept.metadata.finalizers), (full.spec, full.metadata.finalizers));
    }
}
