// What the comparison asks of MongoDB: `node inspect.js URL initiate|drop|counters|scores`; the answer is JSON.
import { MongoClient } from 'mongodb';

const [url, command] = process.argv.slice(2);
const client = new MongoClient(url, { directConnection: true, serverSelectionTimeoutMS: 20_000 });

const commands = {
  // One node alone is a replica set too, which is what gives majority writes and a journal to wait for.
  async initiate() {
    const admin = client.db('admin');
    const host = new URL(url).host;
    const status = await admin.command({ replSetGetStatus: 1 }).catch((error) => error);
    if (status instanceof Error && status.codeName === 'NotYetInitialized') {
      await admin.command({ replSetInitiate: { _id: 'rs0', members: [{ _id: 0, host }] } });
    }
    while (!(await admin.command({ hello: 1 })).isWritablePrimary) await new Promise((done) => setTimeout(done, 50));
    return true;
  },

  async drop() {
    const { databases } = await client.db('admin').command({ listDatabases: 1, nameOnly: true });
    for (const { name } of databases.filter(({ name }) => !['admin', 'local', 'config'].includes(name))) {
      await client.db(name).dropDatabase();
    }
    return true;
  },

  async counters() {
    const status = await client.db('admin').command({ serverStatus: 1 });
    const { insert, update, delete: remove } = status.opcounters;
    return {
      writes: Number(insert) + Number(update) + Number(remove),
      scanned: Number(status.metrics.queryExecutor.scannedObjects),
      connections: status.connections.current,
    };
  },

  // The score of each player, in whichever of the two places there is one.
  async scores() {
    const found = {};
    for await (const player of client.db('reference').collection('scores').find({}, { projection: { _id: 0 } })) {
      found[player.id] = Number(player.score);
    }
    for await (const record of client.db('hiscore').collection('records').find({}, { projection: { playerId: 1, score: 1 } })) {
      found[record.playerId] = Number(record.score);
    }
    return found;
  },
};

try {
  console.log(JSON.stringify(await commands[command]()));
} finally {
  await client.close();
}
