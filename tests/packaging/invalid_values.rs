//! A wrong value fails before anything is installed, in words that tell which and why.

use std::path::Path;

use crate::helm::{chart, helm, render};

#[test]
fn wrong_values_are_refused_in_words() {
    for (values, expected) in [
        ("replicas: two", "at '/replicas': got string, want integer"),
        ("replica: 1", "additional properties 'replica' not allowed"),
        ("azure: { clientID: x }", "at '/azure': additional properties 'clientID' not allowed"),
        ("azure: { clientId: my-identity }", "at '/azure/clientId': 'my-identity' does not match pattern"),
        ("azure: { cloud: germany }", "value must be one of 'public', 'us-government', 'china', 'custom'"),
        ("azure: { credential: password }", "at '/azure/credential': value must be one of 'workload-identity'"),
        ("azure: { armEndpoint: 'http://arm.example' }", "at '/azure/armEndpoint'"),
        ("image: { digest: abc }", "at '/image/digest': 'abc' does not match pattern"),
        ("watchNamespaces: Shop", "at '/watchNamespaces': got string, want array"),
        ("watchNamespaces: [Shop]", "at '/watchNamespaces/0': 'Shop' does not match pattern"),
        ("watchNamespaces: [shop, shop]", "at '/watchNamespaces': items at 0 and 1 are equal"),
        ("grants: { shop: { vaults: [], databases: [] } }", "at '/grants/shop': missing property 'namespaces'"),
        (
            "grants: { shop: { namespaces: {}, vaults: [team-vault], databases: [] } }",
            "at '/grants/shop/vaults/0': 'team-vault' does not match pattern",
        ),
        (
            "grants: { shop: { namespaces: {}, vaults: [], databases: [], modes: [Watch] } }",
            "at '/grants/shop/modes/0': value must be one of 'Enforce', 'Observe', 'ValidateOnly'",
        ),
        ("settings: { driftInterval: 10 }", "at '/settings/driftInterval': got number, want string"),
        ("settings: { deadline: soon }", "at '/settings/deadline': 'soon' does not match pattern"),
        ("settings: { concurrency: 0 }", "at '/settings/concurrency': minimum: got 0, want 1"),
        ("clusterName: a/b", "at '/clusterName': 'a/b' does not match pattern"),
        ("log: { format: xml }", "at '/log/format': value must be one of 'json', 'text'"),
        ("service: { port: 70000 }", "at '/service/port': maximum: got 70,000, want 65,535"),
        ("extraArgs: --log=debug", "at '/extraArgs': got string, want array"),
        ("podLabels: { a: 1 }", "at '/podLabels/a': got number, want string"),
        // What only two values together tell.
        ("leaderElection: { enabled: false }", "Set replicas to 1, or leaderElection.enabled to true"),
        ("serviceMonitor: { enabled: true }\nservice: { enabled: false }", "a ServiceMonitor needs the Service"),
    ] {
        let message = render(values).err().unwrap_or_else(|| panic!("{values} is accepted"));
        assert!(message.contains(expected), "{values}: expected {expected:?} in\n{message}");
    }
}

#[test]
fn an_installation_without_an_identity_is_refused() {
    let message = helm(Path::new("/nonexistent"), &["template", "x", chart().to_str().unwrap()]).unwrap_err();
    assert!(message.contains("azure.clientId is empty: give the client id"), "{message}");
}
