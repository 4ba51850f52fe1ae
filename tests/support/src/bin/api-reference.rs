//! Writes the API reference of the CustomResourceDefinition on standard input, in Markdown: part of `make generate`.

use std::error::Error;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;

fn main() -> Result<(), Box<dyn Error>> {
    let definition: CustomResourceDefinition = serde_saphyr::from_reader(std::io::stdin())?;
    print!("{}", test_support::api_reference(&definition));
    Ok(())
}
