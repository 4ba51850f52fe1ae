//! How many requests there were: what remains of them when the journal is off.

use std::collections::BTreeMap;

use http::{Method, StatusCode};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::route::Kind;
use crate::throttle::Class;

/// The requests to Azure Resource Manager and to the token endpoints, counted.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Traffic {
    /// By kind and status.
    pub requests: Vec<Tally>,
    /// The most that came in one second of the clock. Requests for tokens are left out.
    pub busiest_second: Busiest,
    /// When the last one came; none has when there is nothing.
    pub last: Option<Timestamp>,
    #[serde(skip)]
    current: Second,
}

/// How many requests of one kind were answered with one status.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tally {
    /// What they were for.
    pub kind: Kind,
    /// The status of the answer.
    pub status: u16,
    /// How many.
    pub count: u64,
}

/// The most requests in one second, each class by itself: they need not be of the same second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Busiest {
    /// Of all classes together.
    pub total: u64,
    /// GET.
    pub reads: u64,
    /// PUT, POST and PATCH.
    pub writes: u64,
    /// DELETE.
    pub deletes: u64,
}

/// The second that the last request came in.
#[derive(Clone, Debug, Default)]
struct Second {
    number: i64,
    by_class: BTreeMap<Class, u64>,
}

impl Traffic {
    pub(crate) fn count(&mut self, now: Timestamp, kind: Kind, method: &Method, status: StatusCode) {
        let status = status.as_u16();
        match self.requests.binary_search_by_key(&(kind, status), |tally| (tally.kind, tally.status)) {
            Ok(known) => self.requests[known].count += 1,
            Err(place) => self.requests.insert(place, Tally { kind, status, count: 1 }),
        }
        self.last = Some(now);
        if kind != Kind::Token {
            self.count_second(now.as_second(), Class::of(method));
        }
    }

    fn count_second(&mut self, number: i64, class: Class) {
        if self.current.number != number {
            self.current = Second { number, by_class: BTreeMap::new() };
        }
        let of_class = self.current.by_class.entry(class).or_default();
        *of_class += 1;
        let busiest = match class {
            Class::Reads => &mut self.busiest_second.reads,
            Class::Writes => &mut self.busiest_second.writes,
            Class::Deletes => &mut self.busiest_second.deletes,
        };
        *busiest = (*busiest).max(*of_class);
        self.busiest_second.total = self.busiest_second.total.max(self.current.by_class.values().sum());
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn requests_are_counted_by_kind_status_and_second() {
        let mut traffic = Traffic::default();
        let at = |second: i64| Timestamp::from_second(second).unwrap();
        let requests = [
            (1, Kind::GetInstance, Method::GET, StatusCode::OK),
            (1, Kind::GetInstance, Method::GET, StatusCode::OK),
            (1, Kind::PutInstance, Method::PUT, StatusCode::CREATED),
            (1, Kind::Token, Method::POST, StatusCode::OK),
            (2, Kind::GetInstance, Method::GET, StatusCode::TOO_MANY_REQUESTS),
            (2, Kind::DeleteInstance, Method::DELETE, StatusCode::ACCEPTED),
        ];
        for (second, kind, method, status) in requests {
            traffic.count(at(second), kind, &method, status);
        }
        let counts: Vec<_> = traffic.requests.iter().map(|tally| (tally.kind, tally.status, tally.count)).collect();
        let expected = [
            (Kind::Token, 200, 1),
            (Kind::PutInstance, 201, 1),
            (Kind::GetInstance, 200, 2),
            (Kind::GetInstance, 429, 1),
            (Kind::DeleteInstance, 202, 1),
        ];
        assert_eq!(counts, expected);
        assert_eq!(traffic.busiest_second, Busiest { total: 3, reads: 2, writes: 1, deletes: 1 });
        assert_eq!(traffic.last, Some(at(2)));
    }
}
