//! The operator's pods run where the restricted Pod Security Standard is enforced.

use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::Api;
use kube::api::PostParams;
use serde_json::{Value, json};
use test_support::shared_control_plane;

use crate::helm::{objects, only, render};

/// Why admission refuses a pod made from the Deployment's template; `None` if it does not.
async fn refusal(deployment: &Value) -> Option<String> {
    let client = shared_control_plane().await.unwrap().client().await.unwrap();
    let name = format!("restricted-{}", uuid::Uuid::new_v4().simple());
    let labels = json!({ "pod-security.kubernetes.io/enforce": "restricted" });
    let namespace: Namespace =
        serde_json::from_value(json!({ "metadata": { "name": name, "labels": labels } })).unwrap();
    Api::all(client.clone()).create(&PostParams::default(), &namespace).await.unwrap();
    let template = &deployment["spec"]["template"];
    let mut metadata = template["metadata"].clone();
    metadata["name"] = json!("operator");
    let pod: Pod = serde_json::from_value(json!({ "metadata": metadata, "spec": template["spec"] })).unwrap();
    let dry_run = PostParams { dry_run: true, ..PostParams::default() };
    match Api::namespaced(client, &name).create(&dry_run, &pod).await {
        Ok(_) => None,
        Err(kube::Error::Api(status)) if status.code == 403 => Some(status.message.clone()),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_restricted_standard_admits_the_pods() {
    for values in [
        "",
        "azure: { caBundle: { configMap: company-ca } }",
        "extraVolumes: [{ name: scratch, emptyDir: {} }]\nextraVolumeMounts: [{ name: scratch, mountPath: /scratch }]",
    ] {
        let objects = objects(&render(values).unwrap());
        let deployment = only(&objects, "Deployment");
        assert_eq!(refusal(deployment).await, None, "{values}");
        let container = &deployment["spec"]["template"]["spec"]["containers"][0];
        assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true, "{values}");
    }
    let objects = objects(&render("securityContext: { allowPrivilegeEscalation: true }").unwrap());
    let refused = refusal(only(&objects, "Deployment")).await.expect("the standard is enforced");
    assert!(refused.contains("allowPrivilegeEscalation"), "{refused}");
}
