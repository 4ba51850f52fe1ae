//! What the operator sends, to Azure and to Kubernetes alike: written down in order, and disturbed where a test says so.

mod call;
mod fault;
mod rule;
mod traffic;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Notify, watch};

pub use call::{Call, Sent};
pub use fault::{Alteration, Fault, Hold, Incident, Reply};
pub use rule::{Scope, Spell, Weather};

use rule::{Rule, Subject};
use traffic::{Traffic, UnderWay};

use crate::time::Time;

/// What an answer must tell of itself to be written down.
pub trait Answered: Send + 'static {
    fn status(&self) -> u16;

    /// The answer as it is read after what has become of it on its way.
    fn altered(self, change: fn(&mut http::Response<Bytes>)) -> Self;
}

/// Is told of every request at the moment that it is sent.
pub type Witness = Arc<dyn Fn(Call, &str) + Send + Sync>;

/// How a request ended for the operator.
pub enum Carried<A> {
    Answer(A),
    Instead(Reply),
    Refused,
    Broken,
}

/// The wire between the operator and the fakes. That of a replica disturbs only what that replica sends.
#[derive(Clone)]
pub struct Wire {
    /// The name of the replica; empty where there is one operator alone, or all are meant.
    replica: &'static str,
    time: Time,
    state: Arc<Mutex<State>>,
    activity: watch::Sender<()>,
    crash: Arc<Notify>,
}

#[derive(Default)]
struct State {
    sent: Vec<Sent>,
    rules: Vec<Rule>,
    weather: Option<Weather>,
    traffic: Traffic,
    witness: Option<Witness>,
    panics: usize,
    violations: Vec<String>,
}

impl Wire {
    pub fn new(time: Time) -> Self {
        Self { replica: "", time, state: Arc::default(), activity: watch::Sender::new(()), crash: Arc::default() }
    }

    /// The wire of one of several replicas.
    pub fn of_replica(&self, replica: &'static str) -> Self {
        Self { replica, crash: Arc::default(), ..self.clone() }
    }

    /// Disturbs the `occurrence`-th (from 1) request of a kind, counted from now on.
    pub fn disturb(&self, call: Call, occurrence: usize, fault: impl Into<Fault>) {
        let before = occurrence.checked_sub(1).expect("occurrences are counted from 1");
        self.add(Rule::kind(call, before, fault.into()));
    }

    /// Disturbs every request of a kind until [`calm`](Self::calm).
    pub fn disturb_all(&self, call: Call, fault: impl Into<Fault>) {
        self.add(Rule::every(call, fault.into()));
    }

    /// Disturbs every request of a kind that is about one object or backup instance, until [`calm`](Self::calm).
    pub fn disturb_about(&self, call: Call, about: &str, fault: impl Into<Fault>) {
        self.add(Rule::about(call, about, fault.into()));
    }

    /// Disturbs the request that is sent after `position` others, of whatever kind, since the simulation began.
    pub fn disturb_position(&self, position: usize, fault: Fault) {
        self.add(Rule::position(position, fault));
    }

    /// Disturbs that request, and for a while whatever else the trouble is about.
    pub fn disturb_from(&self, position: usize, spell: Spell, fault: Fault) {
        self.add(Rule::spell(position, spell, fault));
    }

    /// Disturbs every request of a kind for this long.
    pub fn disturb_for(&self, call: Call, span: Duration, fault: Fault) {
        let end = self.time.elapsed() + span;
        self.add(Rule::until(call, end, fault));
    }

    fn add(&self, rule: Rule) {
        self.state().rules.push(rule.of_replica(self.replica));
    }

    /// Disturbs a share of all requests until [`calm`](Self::calm).
    pub fn disturb_some(&self, weather: Weather) {
        self.state().weather = Some(weather);
    }

    /// Disturbs nothing any more.
    pub fn calm(&self) {
        let mut state = self.state();
        state.rules.retain(|rule| !rule.concerns(self.replica));
        state.weather = None;
    }

    /// Has every request told to `witness` as it is sent; nobody is told any more with `None`.
    pub fn tell(&self, witness: Option<Witness>) {
        self.state().witness = witness;
    }

    /// Everything that was sent, oldest first.
    pub fn sent(&self) -> Vec<Sent> {
        self.state().sent.clone()
    }

    /// The requests of a kind.
    pub fn of(&self, call: Call) -> Vec<Sent> {
        self.sent().into_iter().filter(|sent| sent.call == call).collect()
    }

    /// What the operator did, without what only looks at something under way: no polls and no events, of several reads of
    /// the backup instance in a row the first, nothing that belongs to starting up, and nothing about grants.
    pub fn steps(&self) -> Vec<Call> {
        use Call::{
            Get, GetInstance, GetLease, List, ListPermissions, Poll, PublishEvent, TellGrant, Watch, WatchPermissions,
            WriteLease,
        };
        let calls = self.sent().into_iter().map(|sent| sent.call);
        let is_step = |call: &Call| {
            !matches!(
                call,
                GetLease
                    | WriteLease
                    | Get
                    | List
                    | Watch
                    | ListPermissions
                    | WatchPermissions
                    | TellGrant
                    | Poll
                    | PublishEvent
            )
        };
        let mut steps: Vec<_> = calls.filter(is_step).collect();
        steps.dedup_by(|call, before| *call == GetInstance && before == call);
        steps
    }

    /// When the last request was sent that is as wanted.
    pub fn last(&self, wanted: impl Fn(&Sent) -> bool) -> Option<Duration> {
        self.state().sent.iter().rev().find(|sent| wanted(sent)).map(|sent| sent.at)
    }

    /// How many requests of some kinds were sent.
    pub fn count(&self, wanted: impl Fn(Call) -> bool) -> usize {
        self.count_sent(|sent| wanted(sent.call))
    }

    /// How many requests were sent that are as wanted.
    pub fn count_sent(&self, wanted: impl Fn(&Sent) -> bool) -> usize {
        self.state().sent.iter().filter(|sent| wanted(sent)).count()
    }

    /// What was sent after so many others.
    pub fn since(&self, position: usize) -> Vec<Sent> {
        self.state().sent[position..].to_vec()
    }

    /// What was asked of Azure that changes it, or could, after so many requests.
    pub fn asked_since(&self, position: usize) -> Vec<Call> {
        self.since(position).into_iter().map(|sent| sent.call).filter(|call| call.writes_azure()).collect()
    }

    /// Tells whenever a request is sent or arrives.
    pub fn activity(&self) -> watch::Receiver<()> {
        self.activity.subscribe()
    }

    /// How much was sent so far.
    pub fn position(&self) -> usize {
        self.state().sent.len()
    }

    /// Notes something that must never happen; it fails the test.
    pub fn violation(&self, what: impl Into<String>) {
        self.state().violations.push(what.into());
    }

    pub fn violations(&self) -> Vec<String> {
        self.state().violations.clone()
    }

    /// How many passes have met a [`Fault::Panic`].
    pub fn panics(&self) -> usize {
        self.state().panics
    }

    /// Lets the operator die, as with SIGKILL.
    pub fn kill(&self) {
        self.crash.notify_one();
    }

    /// Waits until the operator is to die.
    pub async fn crashed(&self) {
        self.crash.notified().await;
    }

    /// Carries a request to `serve` and its answer back. `latency` is the time that this takes undisturbed.
    pub async fn carry<A: Answered>(
        &self,
        call: Call,
        about: &str,
        latency: Duration,
        serve: impl FnOnce() -> A + Send + 'static,
    ) -> Carried<A> {
        let (position, fault) = self.begin(call, about);
        let _under_way = self.set_out(call, about);
        if let Some(witness) = self.witness() {
            witness(call, about);
        }
        match &fault {
            Some(Fault::CrashBefore) => return self.die().await,
            Some(Fault::CrashUnderWay(late)) => {
                self.arrive_late(position, *late, serve);
                return self.die().await;
            }
            Some(Fault::Meanwhile(incident)) => (incident.act)(),
            _ => {}
        }
        tokio::time::sleep(latency / 2).await;
        if matches!(fault, Some(Fault::Panic)) {
            self.state().panics += 1;
            panic!("a defect, says the test");
        }
        match fault {
            Some(Fault::Refuse) => return Carried::Refused,
            Some(Fault::LoseRequest) => return Carried::Broken,
            Some(Fault::Silence) => std::future::pending().await,
            Some(Fault::Answer(reply)) => return Carried::Instead(reply),
            Some(Fault::ArriveLate(late)) => {
                self.arrive_late(position, late, serve);
                return Carried::Broken;
            }
            Some(Fault::Hold(hold)) => {
                let wire = self.clone();
                // It arrives also when its sender does not wait for it any more.
                let arrival = tokio::spawn(async move {
                    hold.released().await;
                    let answer = serve();
                    wire.arrived(position, &answer);
                    answer
                });
                return arrival.await.map_or(Carried::Broken, Carried::Answer);
            }
            _ => {}
        }
        let mut answer = serve();
        self.arrived(position, &answer);
        match fault {
            Some(Fault::CrashAfter) => return self.die().await,
            Some(Fault::LoseAnswer) => return Carried::Broken,
            Some(Fault::Delay(delay)) => tokio::time::sleep(delay).await,
            Some(Fault::Alter(alteration)) => answer = answer.altered(alteration.change),
            _ => {}
        }
        tokio::time::sleep(latency / 2).await;
        Carried::Answer(answer)
    }

    fn arrive_late<A: Answered>(&self, position: usize, late: Duration, serve: impl FnOnce() -> A + Send + 'static) {
        let wire = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(late).await;
            wire.arrived(position, &serve());
        });
    }

    /// Ends the operator, as its process would end.
    pub async fn die<A>(&self) -> A {
        self.kill();
        std::future::pending().await
    }

    fn begin(&self, call: Call, about: &str) -> (usize, Option<Fault>) {
        let (mut guard, now) = (self.state(), self.time.elapsed());
        let state = &mut *guard;
        let position = state.sent.len();
        // Every rule counts the request; the oldest one that is due strikes.
        let subject = Subject { replica: self.replica, call, about, position, now };
        let due: Vec<bool> = state.rules.iter_mut().map(|rule| rule.count(subject)).collect();
        let struck = due.into_iter().position(|due| due);
        let ruled = struck.map(|index| {
            let fault = state.rules[index].fault();
            if !state.rules[index].lasts() {
                state.rules.remove(index);
            }
            fault
        });
        let fault = ruled.or_else(|| state.weather.as_mut()?.strike(call));
        let about = about.to_owned();
        let replica = self.replica;
        state.sent.push(Sent { at: now, replica, call, about, answer: None, fault: fault.clone() });
        self.activity.send_replace(());
        (position, fault)
    }

    /// Notes that a request is under way, until what is returned goes.
    fn set_out(&self, call: Call, about: &str) -> UnderWay {
        let mut state = self.state();
        let breach = state.traffic.set_out(self.replica, call, about, self.time.elapsed());
        state.violations.extend(breach);
        UnderWay::new(self.clone(), call, about)
    }

    fn witness(&self) -> Option<Witness> {
        self.state().witness.clone()
    }

    fn arrived(&self, position: usize, answer: &impl Answered) {
        self.state().sent[position].answer = Some(answer.status());
        self.activity.send_replace(());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

impl fmt::Display for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.state().sent.iter().try_for_each(|sent| writeln!(f, "{sent}"))
    }
}
