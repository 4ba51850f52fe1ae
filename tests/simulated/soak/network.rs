//! What befalls requests on their way, and the API server's lists and watches.

use std::time::Duration;

use super::chaos::{Chaos, NAMES};
use crate::faults::garbled;
use crate::wire::{Alteration, Call, Fault, Reply};

/// Answers that make no sense.
const GARBLED: [Alteration; 4] = [
    Alteration { what: "empty", change: garbled::empty },
    Alteration { what: "truncated", change: garbled::truncated },
    Alteration { what: "no JSON", change: garbled::not_json },
    Alteration { what: "fields of other types", change: garbled::with_wrong_fields },
];

impl Chaos {
    pub(super) fn network(&mut self) {
        use Call::{
            ApplyStatus, Delete, GetInstance, PatchFinalizers, Poll, Put, Resume, Stop, Validate, ValidateChange,
        };

        match self.random.usize(..10) {
            0 => return self.watches(),
            1 => return self.outage(),
            _ => {}
        }
        let late = Duration::from_secs(self.random.u64(1..240));
        let calls = [
            GetInstance,
            GetInstance,
            GetInstance,
            ApplyStatus,
            ApplyStatus,
            PatchFinalizers,
            Poll,
            Poll,
            Put,
            Put,
            Put,
            Delete,
            Resume,
            Stop,
            Call::Suspend,
            Call::Undelete,
            Call::GetDeleted,
            Call::ListInstances,
            Validate,
            ValidateChange,
            Call::Sync,
            Call::GetVault,
            Call::List,
            Call::Watch,
            Call::Get,
        ];
        let call = self.one_of(&calls);
        let kubernetes = !call.is_azure();
        let fault = match self.random.usize(..14) {
            0 => Fault::CrashBefore,
            1 | 2 => Fault::CrashAfter,
            3 => Fault::LoseAnswer,
            4 => Fault::LoseRequest,
            5 if kubernetes => Reply::error(409, "Conflict").into(),
            5 => Fault::ArriveLate(late),
            6 => Fault::Delay(late / 2),
            7 => Fault::Refuse,
            10 => Fault::CrashUnderWay(late),
            11 if !kubernetes => Fault::Silence,
            11 | 12 => self.one_of(&GARBLED).into(),
            8 => Reply::error(500, "InternalServerError").into(),
            _ => Reply::error(429, "TooManyRequests").retry_after(late.as_secs()).into(),
        };
        let occurrence = self.random.usize(1..3);
        self.tell(format!("{fault:?} befalls {call:?} number {occurrence} from now"));
        self.world.wire.disturb(call, occurrence, fault);
    }

    /// Lists and watches go wrong.
    fn watches(&mut self) {
        let kubernetes = self.world.kubernetes.clone();
        let what = match self.random.usize(..6) {
            0 | 1 => return self.hold_watches(true),
            2 => {
                kubernetes.end_watches();
                "watches end"
            }
            3 => {
                kubernetes.expire_watches();
                "watches expire"
            }
            4 => {
                kubernetes.fall_behind();
                "lists and watches fall behind"
            }
            _ => {
                NAMES.iter().for_each(|name| kubernetes.repeat_changes(name));
                "all changes are told again"
            }
        };
        self.held |= what.contains("behind");
        self.tell(what.to_owned());
    }

    /// A whole side fails for a while, or reports of operations do.
    fn outage(&mut self) {
        use Call::{ApplyStatus, Get, GetInstance, GetVault, List, PatchFinalizers, Poll, Put, Validate, Watch};

        const KUBERNETES: &[Call] = &[ApplyStatus, Get, List, PatchFinalizers, Watch];
        const AZURE: &[Call] = &[GetInstance, GetVault, Poll, Put, Validate, Call::Delete, Call::Stop];
        let span = Duration::from_secs(self.random.u64(1..2400));
        let error = |status, code| Fault::from(Reply::error(status, code));
        let (calls, fault) = match self.random.usize(..8) {
            0 => (KUBERNETES, error(403, "Forbidden")),
            1 => (KUBERNETES, error(404, "NotFound")),
            2 => (KUBERNETES, Fault::Refuse),
            3 => (AZURE, error(401, "InvalidAuthenticationToken")),
            4 => (AZURE, error(503, "ServerBusy")),
            5 => (AZURE, Fault::LoseAnswer),
            6 => (&[Poll] as &[Call], error(404, "NotFound")),
            _ => (&[Poll] as &[Call], garbled::altered("still running", garbled::still_running)),
        };
        self.tell(format!("{fault:?} befalls {calls:?} for {} s", span.as_secs()));
        calls.iter().for_each(|call| self.world.wire.disturb_for(*call, span, fault.clone()));
    }
}
