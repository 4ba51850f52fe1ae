//! The scenarios.

use postgres_backup_operator::api::annotations::{ALLOW_IRREVERSIBLE_DELETE, PAUSED, TAKE_OVER_FROM};
use postgres_backup_operator::api::{DeletionPolicy, Mode, PostgresBackup, Protection, Reason};

use super::Deed::{Annotate, Azure, Create, Delete, Edit, Gone, Kubernetes, Minutes, Ready, Seconds, Stalled};
use super::Size::{Long, Short};
use super::{Deed, Scenario, Size};
use crate::azure::{KEY_VAULT, SERVERS, VAULT, id};
use crate::judge::instance_name;
use crate::samples::{self, EVERYTHING};

/// An owner tag of another cluster.
const STRANGER: &str = "another-cluster/shop/orders";

const PROTECTED: &[Deed] = &[Create(orders), Ready("orders")];

fn orders() -> PostgresBackup {
    samples::flexible("orders")
}

fn single() -> PostgresBackup {
    samples::single("orders")
}

fn heir() -> PostgresBackup {
    samples::flexible_as("heir", "orders")
}

fn adopting() -> PostgresBackup {
    let mut object = orders();
    object.spec.backup_instance_name = Some("by-hand".to_owned());
    object
}

fn observing() -> PostgresBackup {
    let mut object = orders();
    object.spec.mode = Mode::Observe;
    object
}

const fn scenario(name: &'static str, size: Size, before: &'static [Deed], then: &'static [Deed]) -> Scenario {
    Scenario { name, before, then, size }
}

/// Everything that the operator does for people.
pub const SCENARIOS: &[Scenario] = &[
    scenario("create", Short, &[], PROTECTED),
    scenario("create with a secret", Long, &[], &[Create(single), Ready("orders")]),
    scenario(
        "fail, then heal",
        Long,
        &[Azure(|azure| azure.revoke(SERVERS))],
        &[Create(orders), Minutes(3), Azure(|azure| azure.grant(SERVERS)), Ready("orders")],
    ),
    scenario(
        "fail past the deadline, then heal",
        Long,
        &[Azure(|azure| azure.revoke(KEY_VAULT))],
        &[
            Create(single),
            Stalled("orders", Reason::MissingPermissions),
            Azure(|azure| azure.grant(KEY_VAULT)),
            Ready("orders"),
        ],
    ),
    scenario(
        "change the policy",
        Short,
        PROTECTED,
        &[Edit("orders", |spec| spec.policy.name = "daily".to_owned()), Ready("orders")],
    ),
    scenario(
        "change the policy to and fro",
        Long,
        PROTECTED,
        &[
            Edit("orders", |spec| spec.policy.name = "daily".to_owned()),
            Seconds(20),
            Edit("orders", |spec| spec.policy.name = "weekly".to_owned()),
            Ready("orders"),
        ],
    ),
    scenario(
        "stop",
        Short,
        PROTECTED,
        &[Edit("orders", |spec| spec.protection = Protection::Stopped), Ready("orders")],
    ),
    scenario(
        "suspend",
        Short,
        PROTECTED,
        &[Edit("orders", |spec| spec.protection = Protection::Suspended), Ready("orders")],
    ),
    scenario(
        "resume",
        Short,
        &[
            Create(orders),
            Ready("orders"),
            Edit("orders", |spec| spec.protection = Protection::Stopped),
            Ready("orders"),
        ],
        &[Edit("orders", |spec| spec.protection = Protection::Active), Ready("orders")],
    ),
    scenario(
        "stop what is suspended",
        Long,
        &[
            Create(orders),
            Ready("orders"),
            Edit("orders", |spec| spec.protection = Protection::Suspended),
            Ready("orders"),
        ],
        &[Edit("orders", |spec| spec.protection = Protection::Stopped), Ready("orders")],
    ),
    scenario("delete", Short, PROTECTED, &[Delete("orders"), Gone("orders")]),
    scenario(
        "undelete",
        Short,
        &[Create(orders), Ready("orders"), Delete("orders"), Gone("orders")],
        &[Create(orders), Ready("orders")],
    ),
    scenario("delete while it is created", Long, &[], &[Create(orders), Seconds(10), Delete("orders"), Gone("orders")]),
    scenario(
        "delete and create under the same name",
        Long,
        PROTECTED,
        &[Delete("orders"), Gone("orders"), Create(orders), Ready("orders")],
    ),
    scenario(
        "delete for good",
        Long,
        &[Create(orders), Ready("orders"), Azure(|azure| azure.turn_soft_delete_off())],
        &[
            Kubernetes(|kubernetes| {
                let name = instance_name(&orders().spec).unwrap();
                kubernetes.annotate("orders", ALLOW_IRREVERSIBLE_DELETE, &name);
            }),
            Delete("orders"),
            Gone("orders"),
        ],
    ),
    scenario(
        "stop at deletion",
        Long,
        &[
            Create(orders),
            Ready("orders"),
            Edit("orders", |spec| spec.deletion_policy = DeletionPolicy::StopProtection),
            Ready("orders"),
        ],
        &[Delete("orders"), Gone("orders")],
    ),
    scenario(
        "retain",
        Short,
        PROTECTED,
        &[
            Edit("orders", |spec| spec.deletion_policy = DeletionPolicy::Retain),
            Ready("orders"),
            Delete("orders"),
            Gone("orders"),
        ],
    ),
    scenario(
        "adopt what is left of a retained object",
        Short,
        &[
            Create(orders),
            Ready("orders"),
            Edit("orders", |spec| spec.deletion_policy = DeletionPolicy::Retain),
            Ready("orders"),
            Delete("orders"),
            Gone("orders"),
        ],
        &[Create(heir), Ready("heir")],
    ),
    scenario(
        "adopt what was made by hand",
        Long,
        &[Azure(|azure| azure.protect_by_hand("by-hand", "orders"))],
        &[Create(adopting), Ready("orders")],
    ),
    scenario(
        "take over from another cluster",
        Long,
        &[
            Azure(|azure| {
                let name = instance_name(&orders().spec).unwrap();
                azure.protect_by_hand(&name, "orders");
                azure.befall(|instance| drop(instance.tags.insert("pgbackup-owner".to_owned(), STRANGER.to_owned())));
            }),
            Create(orders),
            Stalled("orders", Reason::OwnedByAnother),
        ],
        &[Annotate("orders", TAKE_OVER_FROM, STRANGER), Ready("orders")],
    ),
    scenario(
        "hand over",
        Long,
        &[Create(orders), Ready("orders"), Create(heir), Stalled("heir", Reason::DuplicateOf)],
        &[Delete("orders"), Gone("orders"), Ready("heir")],
    ),
    scenario(
        "correct drift",
        Long,
        PROTECTED,
        &[
            Azure(|azure| {
                azure.befall(|instance| instance.spec.policy.policy_id = id(&format!("{VAULT}/backupPolicies/daily")));
            }),
            Minutes(15),
            Ready("orders"),
        ],
    ),
    scenario(
        "grant revoked and restored",
        Long,
        PROTECTED,
        &[
            Kubernetes(|kubernetes| kubernetes.revoke(EVERYTHING)),
            Edit("orders", |spec| spec.policy.name = "daily".to_owned()),
            Stalled("orders", Reason::NotPermitted),
            Kubernetes(|kubernetes| kubernetes.grant(&samples::everything())),
            Ready("orders"),
        ],
    ),
    scenario(
        "pause, change, resume",
        Long,
        &[Create(orders), Ready("orders"), Annotate("orders", PAUSED, "true")],
        &[
            Edit("orders", |spec| spec.policy.name = "daily".to_owned()),
            Minutes(1),
            Annotate("orders", PAUSED, "false"),
            Ready("orders"),
        ],
    ),
    scenario(
        "observe, then enforce",
        Long,
        &[Create(observing), Stalled("orders", Reason::NotCreated)],
        &[Edit("orders", |spec| spec.mode = Mode::Enforce), Ready("orders")],
    ),
];
