//! MongoDB is away while the log goes on, and Redis loses everything meanwhile: it comes back from the log as soon as the
//! store says where it is.

use crate::deployment::{Deployment, outage};
use crate::load::{Load, Plan};
use crate::logged_field::{Roles, kafka, rabbitmq};

#[test]
fn mongodb_is_away_and_redis_is_emptied_meanwhile() {
    let Some(broker) = kafka(1) else { return };
    plays_on(&Deployment::start(1).behind(broker));
}

#[test]
fn mongodb_is_away_and_redis_is_emptied_behind_rabbitmq() {
    let Some(broker) = rabbitmq() else { return };
    plays_on(&Deployment::start(1).behind(broker));
}

fn plays_on(deployment: &Deployment) {
    let roles = Roles::start(deployment);
    let plan = Plan { rate: Some(400), ..Plan::default() };
    let played = roles.play(plan, |load: &Load| {
        deployment.mongo.pause(0);
        load.play_for(outage(3, 120));
        load.await_acks(200);
        deployment.redis.kill();
        deployment.redis.restart();
        // Nobody can say where the log is to be applied from, and yet it is taken.
        load.await_acks(200);
        deployment.mongo.resume(0);
    });
    roles.check(deployment, &played);
}
