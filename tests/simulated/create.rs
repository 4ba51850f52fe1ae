//! From a new object to a protected database.

use crate::samples;
use crate::world::World;

#[tokio::test(start_paused = true)]
async fn a_flexible_server_becomes_protected() {
    let world = World::start();
    world.kubernetes.create(&samples::flexible("orders"));
    let object = world.ready("orders").await;
    println!("{}\n{:#?}", world.wire, object.status);
}
