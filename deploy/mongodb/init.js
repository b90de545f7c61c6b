// Makes the replica set and its users. Each step looks first, so that it can be run again at any time.
// Run by mongosh in the network of mongodb-1: as long as there is no user, MongoDB lets in who comes from 127.0.0.1.
const fs = require("fs");

const HOSTS = ["mongodb-1:27017", "mongodb-2:27017", "mongodb-3:27017"];
const PATIENCE_MS = 120_000;

const secret = (name) => fs.readFileSync(`/run/secrets/${name}`, "utf8").trim();

/** Tries until it works: members start, elect, and agree on a configuration in their own time. */
function until(what, work) {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    let why = "not yet";
    try {
      const done = work();
      if (done) return done;
    } catch (error) {
      why = error.message;
    }
    if (Date.now() > end) {
      print(`gave up: ${what}: ${why}`);
      quit(1);
    }
    sleep(250);
  }
}

function signIn(admin) {
  try {
    return admin.auth("root", secret("mongodb_root_password")).ok === 1;
  } catch {
    return false;
  }
}

// One member alone is surely the primary, so the first user can be made on it.
const local = until("mongodb-1 answers", () => new Mongo("mongodb://127.0.0.1:27017/?directConnection=true")).getDB("admin");
if (!signIn(local)) {
  try {
    local.adminCommand({ replSetInitiate: { _id: "hiscore", members: [{ _id: 0, host: HOSTS[0] }] } });
    print("replica set initiated");
  } catch (error) {
    if (error.codeName !== "AlreadyInitialized") print(`initiating: ${error.message}`);
  }
  until("mongodb-1 is primary", () => local.hello().isWritablePrimary);
  until("the user root is made (was its password changed?)", () => {
    if (signIn(local)) return true;
    local.createUser({ user: "root", pwd: secret("mongodb_root_password"), roles: ["root"] });
    return signIn(local);
  });
}

const url = `mongodb://root:${secret("mongodb_root_password")}@${HOSTS.join()}/admin?replicaSet=hiscore`;
const admin = until("the primary answers", () => connect(url));

// Members come one by one: a majority must agree on each.
for (const host of HOSTS) {
  until(`${host} is a member`, () => {
    const config = admin.adminCommand({ replSetGetConfig: 1 }).config;
    if (config.members.some((member) => member.host === host)) return true;
    config.members.push({ _id: Math.max(...config.members.map((member) => member._id)) + 1, host });
    config.version += 1;
    admin.adminCommand({ replSetReconfig: config });
    print(`${host} added`);
    return true;
  });
}

const users = [
  { db: "hiscore", user: "hiscore", secret: "mongodb_password", roles: ["readWrite"] },
  { db: "admin", user: "monitor", secret: "mongodb_monitor_password", roles: ["clusterMonitor"] },
];
for (const { db, user, secret: name, roles } of users) {
  until(`the user ${user} is made`, () => {
    const database = admin.getSiblingDB(db);
    const settings = { pwd: secret(name), roles };
    if (database.getUser(user)) database.updateUser(user, settings);
    else database.createUser({ user, ...settings });
    return true;
  });
}

until("every member is there", () =>
  admin.adminCommand({ replSetGetStatus: 1 }).members.every((member) => ["PRIMARY", "SECONDARY"].includes(member.stateStr)),
);
print("the replica set is complete");
