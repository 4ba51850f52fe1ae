#![allow(clippy::unwrap_used, clippy::expect_used)]

use proptest::prelude::*;

use super::*;
use crate::leader::Timing;

const SECOND: Duration = Duration::from_secs(1);

fn candidate(identity: &str) -> Candidate {
    Candidate::new(identity.to_owned(), Timing::default())
}

fn wall(second: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + second).unwrap()
}

/// The Lease as `holder` has renewed it at a time of its own clock.
fn held(holder: &str, second: i64) -> Lease {
    candidate(holder).record(Decision::Create, Lease::default(), wall(second))
}

fn seconds(lease: Lease, seconds: Option<i32>) -> Lease {
    let spec = LeaseSpec { lease_duration_seconds: seconds, ..lease.spec.unwrap() };
    Lease { spec: Some(spec), ..lease }
}

fn given_back(lease: Lease) -> Lease {
    let holder = lease.spec.as_ref().unwrap().holder_identity.clone().unwrap();
    candidate(&holder).released(lease, wall(0)).unwrap()
}

#[test]
fn each_look_at_the_lease_has_one_answer() {
    use Decision::{Claim, Create, Renew, Wait};

    type Look = (u64, Option<Lease>, Decision);
    let cases: Vec<(&str, Vec<Look>)> = vec![
        ("there is none", vec![(0, None, Create)]),
        ("nobody was ever named", vec![(0, Some(Lease::default()), Claim)]),
        ("it was given back", vec![(0, Some(held("b", 0)), Wait), (1, Some(given_back(held("b", 0))), Claim)]),
        ("it is ours", vec![(0, Some(held("a", 0)), Renew), (100, Some(held("a", 0)), Renew)]),
        (
            "the holder is silent",
            vec![
                (0, Some(held("b", 0)), Wait),
                (14, Some(held("b", 0)), Wait),
                (15, Some(held("b", 0)), Claim),
                (16, Some(held("b", 0)), Claim),
            ],
        ),
        (
            "the holder renews",
            vec![
                (0, Some(held("b", 0)), Wait),
                (10, Some(held("b", 10)), Wait),
                (24, Some(held("b", 10)), Wait),
                (25, Some(held("b", 10)), Claim),
            ],
        ),
        (
            "the holder's clock is an hour slow, or goes backwards",
            vec![
                (0, Some(held("b", -3600)), Wait),
                (14, Some(held("b", -3600)), Wait),
                (15, Some(held("b", -7200)), Wait),
                (29, Some(held("b", -7200)), Wait),
                (30, Some(held("b", -7200)), Claim),
            ],
        ),
        (
            "the holder's clock is an hour fast",
            vec![(0, Some(held("b", 3600)), Wait), (15, Some(held("b", 3600)), Claim)],
        ),
        (
            "it was taken away",
            vec![(0, Some(held("a", 0)), Renew), (2, Some(held("b", 1)), Wait), (17, Some(held("b", 1)), Claim)],
        ),
        (
            "it named us, who knows since when, and was deleted",
            vec![(0, Some(held("a", 0)), Renew), (2, None, Wait), (16, None, Wait), (17, None, Create)],
        ),
        (
            "another's was deleted",
            vec![(0, Some(held("b", 0)), Wait), (100, None, Wait), (114, None, Wait), (115, None, Create)],
        ),
        (
            "another's was deleted, and its holder has made it again",
            vec![
                (0, Some(held("b", 0)), Wait),
                (10, None, Wait),
                (20, Some(held("b", 0)), Wait),
                (34, Some(held("b", 0)), Wait),
                (35, Some(held("b", 0)), Claim),
            ],
        ),
        ("one that was given back was deleted", vec![(0, Some(given_back(held("b", 0))), Claim), (1, None, Create)]),
        (
            "the holder promises longer than we do",
            vec![
                (0, Some(seconds(held("b", 0), Some(60))), Wait),
                (59, Some(seconds(held("b", 0), Some(60))), Wait),
                (60, Some(seconds(held("b", 0), Some(60))), Claim),
            ],
        ),
        (
            "the holder promises nothing that makes sense",
            vec![
                (0, Some(seconds(held("b", 0), None)), Wait),
                (15, Some(seconds(held("b", 0), None)), Claim),
                (16, Some(seconds(held("b", 0), Some(-5))), Wait),
                (31, Some(seconds(held("b", 0), Some(-5))), Claim),
            ],
        ),
    ];
    for (what, looks) in cases {
        let (mut candidate, start) = (candidate("a"), Instant::now());
        for (second, lease, expected) in looks {
            let decision = candidate.observe(lease.as_ref(), start + SECOND * u32::try_from(second).unwrap());
            assert_eq!(decision, expected, "{what}, after {second} s");
        }
    }
}

#[test]
fn a_leader_makes_a_lease_again_that_was_deleted_while_its_term_lasts() {
    for (second, expected) in [(2, Decision::Create), (9, Decision::Create), (10, Decision::Wait), (60, Decision::Wait)]
    {
        let (mut candidate, start) = (candidate("a"), Instant::now());
        candidate.observe(Some(&held("a", 0)), start + SECOND);
        assert_eq!(candidate.begin_term(start), start + 10 * SECOND);
        assert_eq!(candidate.observe(None, start + SECOND * second), expected, "after {second} s");
    }
}

#[test]
fn a_record_says_who_leads_since_when_and_how_often_that_has_changed() {
    let (a, b) = (candidate("a"), candidate("b"));
    let spec = |lease: &Lease| lease.spec.clone().unwrap();
    let times = |lease: &Lease| (spec(lease).acquire_time.unwrap().0, spec(lease).renew_time.unwrap().0);
    let holder = |lease: &Lease| (spec(lease).holder_identity.unwrap(), spec(lease).lease_transitions.unwrap());

    let mut lease = a.record(Decision::Create, Lease::default(), wall(0));
    assert_eq!((holder(&lease), times(&lease)), (("a".to_owned(), 0), (wall(0), wall(0))));
    lease.metadata.resource_version = Some("7".to_owned());
    lease.metadata.labels = Some([("team".to_owned(), "backup".to_owned())].into());
    let lease = a.record(Decision::Renew, lease, wall(2));
    assert_eq!((holder(&lease), times(&lease)), (("a".to_owned(), 0), (wall(0), wall(2))));
    let lease = b.record(Decision::Claim, lease, wall(20));
    assert_eq!((holder(&lease), times(&lease)), (("b".to_owned(), 1), (wall(20), wall(20))));
    let lease = b.released(lease, wall(30)).unwrap();
    assert_eq!((holder(&lease), times(&lease)), ((String::new(), 1), (wall(20), wall(30))));
    assert_eq!(a.released(lease.clone(), wall(31)), None, "only the holder gives it back");
    // What others have written into it stays, and what was read is what is replaced.
    assert_eq!(lease.metadata.resource_version.as_deref(), Some("7"));
    assert_eq!(lease.metadata.labels.unwrap().len(), 1);
}

#[test]
fn a_duration_is_told_in_whole_seconds_and_never_too_short() {
    for (millis, seconds) in [(15_000, 15), (1_000, 1), (1_001, 2), (2_999, 3)] {
        assert_eq!(whole_seconds(Duration::from_millis(millis)), seconds);
    }
}

/// What happens next, and after how many milliseconds.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// A candidate reads the Lease and decides.
    Look(usize),
    /// What it decided arrives at the API server.
    Arrive(usize),
    /// Somebody deletes the Lease.
    Delete,
}

/// A write that is under way.
struct Pending {
    begun: Instant,
    decision: Decision,
    read: Option<(u64, Lease)>,
}

fn events() -> impl Strategy<Value = Vec<(u64, Event)>> {
    let event = prop_oneof![
        8 => (0..3usize).prop_map(Event::Look),
        8 => (0..3usize).prop_map(Event::Arrive),
        1 => Just(Event::Delete),
    ];
    prop::collection::vec((prop_oneof![0..50u64, 0..3_000u64, 0..30_000u64], event), 1..200)
}

proptest! {
    /// However slowly candidates look and writes arrive, and although they do not agree about the time: no two act at once.
    #[test]
    fn no_two_terms_overlap(events in events(), clocks in prop::array::uniform3(-100_000i64..100_000)) {
        let mut candidates = ["a", "b", "c"].map(candidate);
        let mut terms: [Option<Instant>; 3] = [None; 3];
        let mut pending: [Option<Pending>; 3] = [const { None }; 3];
        let mut now = Instant::now();
        let start = now;
        // A candidate that has never seen the Lease cannot know of the holder of one that was deleted.
        let mut stored = Some((1, held("a", 0)));
        let (mut version, mut deleted) = (1, false);
        candidates.iter_mut().for_each(|candidate| { candidate.observe(stored.as_ref().map(|(_, lease)| lease), now); });

        for (millis, event) in events {
            now += Duration::from_millis(millis);
            match event {
                Event::Look(who) => {
                    let decision = candidates[who].observe(stored.as_ref().map(|(_, lease)| lease), now);
                    pending[who] = (decision != Decision::Wait).then(|| Pending { begun: now, decision, read: stored.clone() });
                }
                Event::Arrive(who) => {
                    let Some(Pending { begun, decision, read }) = pending[who].take() else { continue };
                    if read.as_ref().map(|(version, _)| *version) != stored.as_ref().map(|(version, _)| *version) {
                        continue;
                    }
                    version += 1;
                    let time = wall(clocks[who] + i64::try_from((now - start).as_secs()).unwrap());
                    let lease = candidates[who].record(decision, read.map(|(_, lease)| lease).unwrap_or_default(), time);
                    candidates[who].observe(Some(&lease), now);
                    stored = Some((version, lease));
                    terms[who] = Some(candidates[who].begin_term(begun));
                }
                // Whoever misses a Lease cannot see that it was made and deleted once more.
                Event::Delete if !deleted => (deleted, stored) = (true, None),
                Event::Delete => {}
            }
            let acting = terms.iter().flatten().filter(|end| now < **end).count();
            prop_assert!(acting <= 1, "{acting} act at once");
        }
    }
}
