//! The story: two databases wait for a grant and get protected, a third one is missing a permission, a policy changes, an object is deleted.

use std::error::Error;

use test_support::Kubectl;

use crate::{
    screen::{self, heading, say},
    stage::Stage,
};

/// A step that failed, and why.
pub(crate) type Failure = (&'static str, Box<dyn Error>);

type Told = Result<(), Box<dyn Error>>;

/// How long `kubectl wait` waits. Every step takes seconds; a step that takes so long has failed.
const TIMEOUT: &str = "--timeout=90s";

/// Prints what Azure found wrong and what it recommends.
const ISSUES: &str = "jsonpath-as-json={.status.issues[*]}";

/// Prints what an administrator has to grant.
const STALLED: &str = "jsonpath={.status.conditions[?(@.type=='Stalled')].message}";

/// Tells the whole story.
pub(crate) async fn tell(stage: &Stage) -> Result<(), Failure> {
    let named = |step: &'static str| move |error| (step, error);
    two_databases(stage.kubectl()).await.map_err(named("protecting two databases"))?;
    missing_permission(stage).await.map_err(named("healing a missing permission"))?;
    policy_change(stage.kubectl()).await.map_err(named("changing a policy"))?;
    deletion(stage.kubectl()).await.map_err(named("deleting an object"))?;
    what_azure_saw(stage).await.map_err(named("reading the journal"))
}

async fn two_databases(kubectl: &Kubectl) -> Told {
    heading("Two databases are to be protected");
    say(
        "`orders` is a flexible server. `empdb11` is a database of a Single Server, with its secret in a Key Vault: the kind\n\
         that Azure retired in 2025, kept for adoption. Only the emulator still creates it.",
    );
    screen::run(kubectl, &["create", "namespace", "demo"]).await?;
    let samples = ["deploy/samples/flexible-server.yaml", "deploy/samples/single-server-database.yaml"];
    screen::run(kubectl, &["apply", "-n", "demo", "-f", samples[0], "-f", samples[1]]).await?;
    let refused = wait(kubectl, &["--for=condition=Stalled", "pgb/orders", "pgb/empdb11"]);
    screen::watch_until(kubectl, &["get", "pgb", "-n", "demo"], refused).await?;
    say(
        "Nothing happens, and nothing was asked of Azure: whoever may create a PostgresBackup may not use the operator's\n\
         rights for that alone. The status says what to ask an administrator for:",
    );
    screen::run(kubectl, &["get", "pgb", "orders", "-n", "demo", "-o", STALLED]).await?;
    say("An administrator grants it to the namespace. Nobody touches the objects:");
    screen::run(kubectl, &["apply", "-f", "deploy/samples/grant.yaml"]).await?;
    let ready = wait(kubectl, &["--for=condition=Ready", "pgb/orders", "pgb/empdb11"]);
    screen::watch_until(kubectl, &["get", "pgb", "-n", "demo"], ready).await?;
    say("Ready means: Azure itself reports the database as protected, for this generation of the object.");
    screen::run(kubectl, &["get", "pgb", "-n", "demo", "-o", "wide"]).await?;
    screen::run(kubectl, &["get", "pgbg"]).await?;
    Ok(())
}

async fn missing_permission(stage: &Stage) -> Told {
    heading("A third one is missing a permission");
    let kubectl = stage.kubectl();
    screen::run(kubectl, &["apply", "-n", "demo", "-f", "deploy/samples/missing-permission.yaml"]).await?;
    let refused = wait(kubectl, &["--for=condition=Validated=False", "pgb/billing"]);
    let watch = ["get", "pgb", "billing", "-n", "demo"];
    screen::watch_until(kubectl, &watch, refused).await?;
    say("Azure refused it before anything was created. Its words and its cure stand in the status:");
    screen::run(kubectl, &["get", "pgb", "billing", "-n", "demo", "-o", ISSUES]).await?;

    say(
        "The owner of the server grants it. Nobody touches the object: the operator looks again by itself, at first after\n\
         some 15 seconds.",
    );
    let spec = |path: &'static str| async move {
        kubectl
            .run(&["get", "pgb", "billing", "-n", "demo", "-o", &format!("jsonpath={{.spec.{path}.resourceId}}")])
            .await
    };
    stage.azure().grant(&spec("vault").await?, &spec("database").await?).await?;
    let healed = wait(kubectl, &["--for=condition=Ready", "pgb/billing"]);
    screen::watch_until(kubectl, &watch, healed).await
}

async fn policy_change(kubectl: &Kubectl) -> Told {
    heading("Another policy");
    let patch = r#"{"spec":{"policy":{"name":"monthly"}}}"#;
    screen::run(kubectl, &["patch", "pgb", "orders", "-n", "demo", "--type=merge", "-p", patch]).await?;
    let ready = wait(kubectl, &["--for=condition=Ready", "pgb/orders"]);
    screen::watch_until(kubectl, &["get", "pgb", "orders", "-n", "demo"], ready).await
}

async fn deletion(kubectl: &Kubectl) -> Told {
    heading("A database needs no protection any more");
    screen::run(kubectl, &["delete", "pgb", "empdb11", "-n", "demo", "--wait=false"]).await?;
    say("The object stays until Azure has deleted the backup instance: its finalizer waits for that.");
    screen::run(kubectl, &["get", "pgb", "empdb11", "-n", "demo", "-o", "jsonpath={.metadata.finalizers}"]).await?;
    let gone = wait(kubectl, &["--for=delete", "pgb/empdb11"]);
    screen::watch_until(kubectl, &["get", "pgb", "empdb11", "-n", "demo"], gone).await?;
    let selector = "--field-selector=involvedObject.name=empdb11";
    screen::run(kubectl, &["get", "events", "-n", "demo", selector, "--sort-by=.metadata.creationTimestamp"]).await?;
    screen::run(kubectl, &["get", "pgb", "-n", "demo"]).await?;
    Ok(())
}

async fn what_azure_saw(stage: &Stage) -> Told {
    heading("What the operator asked of Azure for all that");
    let requests = stage.azure().requests().await?;
    for (kind, count) in &requests {
        println!("{count:5}  {kind}");
    }
    let writes = ["putInstance", "deleteInstance"].map(|kind| requests.get(kind).copied().unwrap_or_default());
    if writes != [4, 1] {
        return Err(format!("{writes:?} PUTs and DELETEs, but the story needs 4 and 1").into());
    }
    say("Five writes: three databases protected, one policy changed, one backup instance deleted.");
    Ok(())
}

/// `kubectl wait` in the namespace of the story; it holds until the state is reached for the current generation.
async fn wait(kubectl: &Kubectl, args: &[&str]) -> Result<(), Box<dyn Error>> {
    let common = ["wait", "-n", "demo", TIMEOUT];
    let args: Vec<&str> = common.iter().chain(args).copied().collect();
    kubectl.run(&args).await?;
    Ok(())
}
