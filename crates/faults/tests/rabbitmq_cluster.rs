//! RabbitMQ of three nodes: they find each other, and one that was killed is one of them again.

use hiscore_faults::servers::{Host, RabbitMqCluster, missing};

#[test]
fn three_nodes_of_rabbitmq_are_one_cluster() {
    if missing("rabbitmq-server") {
        return;
    }
    let cluster = RabbitMqCluster::on(&[Host::here(), Host::here(), Host::here()]);
    let count = || cluster.nodes()[0].control(&["eval", "length(rabbit_nodes:all_running())."]);
    assert_eq!(count().trim(), "3");
    cluster.nodes()[2].kill();
    cluster.await_all();
    assert_eq!(count().trim(), "2");
    cluster.nodes()[2].restart();
    cluster.await_all();
    assert_eq!(count().trim(), "3");
    cluster.sync();
}
