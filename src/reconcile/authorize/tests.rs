#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::api::{DeletionPolicy, Mode, PostgresBackupGrant, PostgresBackupGrantSpec};
use crate::azure::Identity;

/// Small alphabets, so that random requests and grants meet often, with names that are the beginnings of others.
const SUBSCRIPTIONS: [&str; 2] = ["7b1f36a2-6d1c-4a54-8f0e-0c6d2f3a9b11", "00000000-6d1c-4a54-8f0e-0c6d2f3a9b11"];
const GROUPS: [&str; 3] = ["data", "data2", "backup"];
const VAULTS: [&str; 3] = ["vault", "vault2", "VAULT"];
const SERVERS: [&str; 3] = ["orders", "orders2", "ORDERS"];
const HOSTS: [&str; 2] = ["team-kv.vault.azure.net", "other-kv.vault.azure.net"];
const POLICIES: [&str; 2] = ["weekly", "daily"];
const NAMESPACES: [&str; 3] = ["shop", "shop2", "bank"];
const CLIENTS: [&str; 2] = ["44444444-4444-4444-8444-44444444440a", "44444444-4444-4444-8444-44444444440b"];

/// A request in the plainest terms.
#[derive(Clone, Debug)]
struct Ask {
    namespace: &'static str,
    team: Option<&'static str>,
    vault: [&'static str; 3],
    server: [&'static str; 3],
    host: Option<&'static str>,
    policy: Option<&'static str>,
    mode: Mode,
    deletion: DeletionPolicy,
    takes_over: bool,
}

/// A grant in the plainest terms: a scope is as many of subscription, group and name as it gives.
#[derive(Clone, Debug)]
struct Offer {
    names: Option<Vec<&'static str>>,
    teams: Option<Vec<&'static str>>,
    vaults: Vec<Vec<&'static str>>,
    servers: Vec<Vec<&'static str>>,
    hosts: Vec<&'static str>,
    policies: Option<Vec<&'static str>>,
    modes: Option<Vec<Mode>>,
    deletions: Option<Vec<DeletionPolicy>>,
    allow_take_over: bool,
    client: Option<&'static str>,
}

/// The reference: says in as few words as possible whether the offer covers what is asked for.
fn covers(offer: &Offer, ask: &Ask) -> bool {
    let lower = |segments: &[&str]| segments.join("/").to_lowercase() + "/";
    let within = |scopes: &[Vec<&str>], id: &[&str]| scopes.iter().any(|scope| lower(id).starts_with(&lower(scope)));
    let named = offer.names.as_ref().map(|names| names.contains(&ask.namespace));
    let labelled = offer.teams.as_ref().map(|teams| ask.team.is_some_and(|team| teams.contains(&team)));
    let in_namespace = [named, labelled].into_iter().flatten().collect::<Vec<_>>();
    !in_namespace.is_empty()
        && !in_namespace.contains(&false)
        && within(&offer.vaults, &ask.vault)
        && within(&offer.servers, &ask.server)
        && (ask.host.is_none() || offer.hosts.contains(&ask.host.unwrap()))
        && (ask.policy.is_none()
            || offer.policies.is_none()
            || offer.policies.as_ref().unwrap().contains(&ask.policy.unwrap()))
        && (offer.modes.is_none() || offer.modes.as_ref().unwrap().contains(&ask.mode))
        && (offer.deletions.is_none() || offer.deletions.as_ref().unwrap().contains(&ask.deletion))
        && (!ask.takes_over || offer.allow_take_over)
}

fn request(ask: &Ask) -> Request {
    let [subscription, group, vault] = ask.vault;
    let [server_subscription, server_group, server] = ask.server;
    let vault = format!(
        "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.DataProtection/backupVaults/{vault}"
    );
    let server = format!(
        "/subscriptions/{server_subscription}/resourceGroups/{server_group}/providers/Microsoft.DBforPostgreSQL/flexibleServers/{server}"
    );
    Request {
        vault: vault.parse().unwrap(),
        database: server.parse().unwrap(),
        key_vault: ask.host.map(|host| host.parse().unwrap()),
        policy: ask.policy.map(|policy| policy.parse().unwrap()),
        mode: ask.mode,
        deletion_policy: ask.deletion,
        takes_over: ask.takes_over,
    }
}

fn grant(index: usize, offer: &Offer) -> Grant {
    let scope = |segments: &Vec<&str>, kind: &str| {
        let words = ["/subscriptions/", "/resourceGroups/", kind];
        segments.iter().zip(words).map(|(name, word)| format!("{word}{name}")).collect::<String>()
    };
    let vaults = offer.vaults.iter().map(|vault| scope(vault, "/providers/Microsoft.DataProtection/backupVaults/"));
    let servers =
        offer.servers.iter().map(|server| scope(server, "/providers/Microsoft.DBforPostgreSQL/flexibleServers/"));
    let mut namespaces = json!({ "names": offer.names });
    if let Some(teams) = &offer.teams {
        // Without values Kubernetes refuses the expression; a selector that matches nobody is one for a label nobody has.
        let expression = match teams[..] {
            [] => json!({ "key": "nobody", "operator": "Exists" }),
            _ => json!({ "key": "team", "operator": "In", "values": teams }),
        };
        namespaces["selector"] = json!({ "matchExpressions": [expression] });
    }
    let mut spec = json!({
        "namespaces": namespaces,
        "vaults": vaults.collect::<Vec<_>>(),
        "databases": servers.collect::<Vec<_>>(),
        "keyVaults": offer.hosts,
        "policies": offer.policies,
        "modes": offer.modes,
        "deletionPolicies": offer.deletions,
        "allowTakeOver": offer.allow_take_over,
    });
    if let Some(client) = offer.client {
        spec["identity"] = json!({ "serviceAccount": { "clientId": client, "tenantId": client } });
    }
    parse(&format!("grant-{index}"), spec)
}

fn parse(name: &str, spec: Value) -> Grant {
    let spec: PostgresBackupGrantSpec = serde_json::from_value(spec).unwrap();
    Grant::parse(&PostgresBackupGrant::new(name, spec), "postgres-backup")
}

fn decide(ask: &Ask, offers: &[Offer]) -> Result<Permit, Denial> {
    let labels = ask.team.map(|team| ("team".to_owned(), team.to_owned())).into_iter().collect();
    let grants: Vec<_> = offers.iter().enumerate().map(|(index, offer)| grant(index, offer)).collect();
    authorize(&request(ask), Namespace { name: ask.namespace, labels: Some(&labels) }, &grants)
}

fn one_of<T: Clone + std::fmt::Debug + 'static>(items: &'static [T]) -> impl Strategy<Value = T> + Clone {
    prop::sample::select(items)
}

fn id(names: &'static [&'static str]) -> impl Strategy<Value = [&'static str; 3]> {
    (one_of(&SUBSCRIPTIONS), one_of(&GROUPS), one_of(names))
        .prop_map(|(subscription, group, name)| [subscription, group, name])
}

fn scopes(names: &'static [&'static str]) -> impl Strategy<Value = Vec<Vec<&'static str>>> {
    prop::collection::vec((id(names), 1..=3_usize).prop_map(|(id, depth)| id[..depth].to_vec()), 0..4)
}

fn some_of<T: Clone + std::fmt::Debug + PartialEq + 'static>(items: &'static [T]) -> impl Strategy<Value = Vec<T>> {
    prop::sample::subsequence(items, 0..=items.len())
}

const MODES: [Mode; 3] = [Mode::Enforce, Mode::Observe, Mode::ValidateOnly];
const DELETIONS: [DeletionPolicy; 3] = [DeletionPolicy::Delete, DeletionPolicy::StopProtection, DeletionPolicy::Retain];
const TEAMS: [&str; 2] = ["a", "b"];

prop_compose! {
    fn asks()(
        (namespace, team) in (one_of(&NAMESPACES), prop::option::of(one_of(&TEAMS))),
        vault in id(&VAULTS),
        server in id(&SERVERS),
        host in prop::option::weighted(0.3, one_of(&HOSTS)),
        policy in prop::option::of(one_of(&POLICIES)),
        mode in one_of(&MODES),
        deletion in one_of(&DELETIONS),
        takes_over in prop::bool::weighted(0.1),
    ) -> Ask {
        Ask { namespace, team, vault, server, host, policy, mode, deletion, takes_over }
    }
}

prop_compose! {
    fn offers()(
        (names, teams) in (prop::option::of(some_of(&NAMESPACES)), prop::option::weighted(0.3, some_of(&TEAMS))),
        vaults in scopes(&VAULTS),
        servers in scopes(&SERVERS),
        hosts in some_of(&HOSTS),
        policies in prop::option::weighted(0.3, some_of(&POLICIES)),
        modes in prop::option::weighted(0.2, some_of(&MODES)),
        deletions in prop::option::weighted(0.2, some_of(&DELETIONS)),
        allow_take_over in any::<bool>(),
        client in prop::option::weighted(0.2, one_of(&CLIENTS)),
    ) -> Offer {
        Offer { names, teams, vaults, servers, hosts, policies, modes, deletions, allow_take_over, client }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn exactly_what_the_reference_permits_is_permitted(ask in asks(), offers in prop::collection::vec(offers(), 0..6)) {
        let covering: Vec<usize> = (0..offers.len()).filter(|index| covers(&offers[*index], &ask)).collect();
        let identities: std::collections::HashSet<_> = covering.iter().map(|index| offers[*index].client).collect();
        let decision = decide(&ask, &offers);
        match (covering.first(), identities.len()) {
            (None, _) => prop_assert_eq!(decision, Err(Denial::NotPermitted)),
            (Some(first), 1) => {
                let permit = decision.unwrap();
                prop_assert_eq!(permit.source(), format!("grant-{first}"));
                let client = match permit.identity() {
                    Identity::Own => None,
                    Identity::Workload(identity) => {
                        prop_assert_eq!(&identity.namespace, ask.namespace);
                        Some(identity.client_id.clone())
                    }
                };
                prop_assert_eq!(client.as_deref(), offers[*first].client);
            }
            _ => {
                let names = covering.iter().map(|index| format!("grant-{index}")).collect();
                prop_assert_eq!(decision, Err(Denial::Conflict(names)));
            }
        }
    }

    /// A request that is made to fit a grant is permitted by it: the property above would hold of denying everything that is
    /// random.
    #[test]
    fn what_fits_is_permitted(mut ask in asks(), mut offer in offers()) {
        offer.names = Some(vec![ask.namespace]);
        offer.teams = None;
        offer.vaults.push(ask.vault.to_vec());
        offer.servers.push(ask.server[..2].to_vec());
        offer.hosts = HOSTS.to_vec();
        (offer.policies, offer.modes, offer.deletions) = (None, None, None);
        ask.takes_over &= offer.allow_take_over;
        prop_assert!(covers(&offer, &ask));
        prop_assert!(decide(&ask, &[offer]).is_ok());
    }
}

#[test]
fn grants_are_not_added_up() {
    let subscription = format!("/subscriptions/{}", SUBSCRIPTIONS[0]);
    let vaults =
        parse("vaults", json!({ "namespaces": { "names": ["shop"] }, "vaults": [subscription], "databases": [] }));
    let databases =
        parse("databases", json!({ "namespaces": { "names": ["shop"] }, "vaults": [], "databases": [subscription] }));
    let ask = Ask {
        namespace: "shop",
        team: None,
        vault: [SUBSCRIPTIONS[0], "backup", "vault"],
        server: [SUBSCRIPTIONS[0], "data", "orders"],
        host: None,
        policy: Some("weekly"),
        mode: Mode::Enforce,
        deletion: DeletionPolicy::Delete,
        takes_over: false,
    };
    let namespace = Namespace { name: "shop", labels: None };
    assert_eq!(authorize(&request(&ask), namespace, &[vaults, databases]), Err(Denial::NotPermitted));
    let message = Denial::NotPermitted.explain(&request(&ask), "shop");
    for wish in
        ["backupVaults/vault", "flexibleServers/orders", "policy weekly", "mode Enforce", "deletionPolicy Delete"]
    {
        assert!(message.contains(wish), "{wish}: {message}");
    }
    assert!(!message.contains("databases,") && !message.contains("grant-"), "{message}");
}
