//! Which requests are disturbed.

use std::time::Duration;

use fastrand::Rng;

use super::{Call, Fault};

/// A disturbance that is due some time.
pub struct Rule {
    /// Whose requests; those of all replicas if empty.
    replica: &'static str,
    hits: Hits,
    fault: Fault,
}

enum Hits {
    /// The request of this kind that comes after so many others of it.
    Kind(Call, usize),
    /// Every request of this kind.
    Every(Call),
    /// Every request of this kind about one object or backup instance.
    About(Call, String),
    /// Every request of this kind until so much time has passed since the simulation began.
    Until(Call, Duration),
    /// The request that is sent after so many others.
    Position(usize),
    /// All that a trouble is about, from the request on that is sent after so many others.
    Spell(usize, Spell, Option<Begun>),
}

/// A trouble that lasts.
#[derive(Clone, Copy, Debug)]
pub struct Spell {
    /// What it is about.
    pub scope: Scope,
    /// How long it lasts from the first request on that it hits.
    pub span: Duration,
}

/// What a trouble that lasts is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Requests of the kind of the first one.
    Alike,
    /// Requests to the same side, Azure or Kubernetes, as the first one.
    Side,
}

#[derive(Clone, Copy)]
struct Begun {
    call: Call,
    at: Duration,
}

/// A request that may be disturbed.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    pub replica: &'static str,
    pub call: Call,
    pub about: &'a str,
    /// How many were sent before.
    pub position: usize,
    pub now: Duration,
}

impl Rule {
    fn new(hits: Hits, fault: Fault) -> Self {
        Self { replica: "", hits, fault }
    }

    /// The same for the requests of one of several replicas.
    pub fn of_replica(self, replica: &'static str) -> Self {
        Self { replica, ..self }
    }

    /// Whether it is for a replica; all are for all if there is but one.
    pub fn concerns(&self, replica: &str) -> bool {
        replica.is_empty() || self.replica == replica
    }

    pub fn about(call: Call, about: &str, fault: Fault) -> Self {
        Self::new(Hits::About(call, about.to_owned()), fault)
    }

    pub fn kind(call: Call, before: usize, fault: Fault) -> Self {
        Self::new(Hits::Kind(call, before), fault)
    }

    pub fn every(call: Call, fault: Fault) -> Self {
        Self::new(Hits::Every(call), fault)
    }

    pub fn until(call: Call, end: Duration, fault: Fault) -> Self {
        Self::new(Hits::Until(call, end), fault)
    }

    pub fn position(position: usize, fault: Fault) -> Self {
        Self::new(Hits::Position(position), fault)
    }

    pub fn spell(position: usize, spell: Spell, fault: Fault) -> Self {
        Self::new(Hits::Spell(position, spell, None), fault)
    }

    /// Counts a request; says whether it is one to be hit.
    pub fn count(&mut self, subject: Subject<'_>) -> bool {
        let Subject { replica, call, about, position, now } = subject;
        if !(self.replica.is_empty() || self.replica == replica) {
            return false;
        }
        match &mut self.hits {
            Hits::About(kind, wanted) => *kind == call && wanted == about,
            Hits::Every(kind) => *kind == call,
            Hits::Until(kind, end) => *kind == call && now < *end,
            Hits::Position(wanted) => *wanted == position,
            Hits::Kind(kind, _) if *kind != call => false,
            Hits::Kind(_, 0) => true,
            Hits::Kind(_, before) => {
                *before -= 1;
                false
            }
            Hits::Spell(first, _, begun) if position == *first => {
                *begun = Some(Begun { call, at: now });
                true
            }
            Hits::Spell(_, spell, begun) => begun.is_some_and(|begun| {
                let concerns = match spell.scope {
                    Scope::Alike => call == begun.call,
                    Scope::Side => call.is_azure() == begun.call.is_azure(),
                };
                concerns && now < begun.at + spell.span
            }),
        }
    }

    pub fn fault(&self) -> Fault {
        self.fault.clone()
    }

    /// Whether it hits more than one request.
    pub fn lasts(&self) -> bool {
        matches!(self.hits, Hits::Every(_) | Hits::About(..) | Hits::Until(..) | Hits::Spell(..))
    }
}

/// Disturbs a share of all requests at random.
pub struct Weather {
    pub random: Rng,
    /// From 0 to 1.
    pub share: f64,
    /// What happens to one that is hit; nothing if it is of a kind that is left alone.
    pub choose: fn(&mut Rng, Call) -> Option<Fault>,
}

impl Weather {
    pub fn strike(&mut self, call: Call) -> Option<Fault> {
        let hit = self.random.f64() < self.share;
        hit.then(|| (self.choose)(&mut self.random, call)).flatten()
    }
}
