// Score persistence service: every two seconds all that is in Redis goes to MongoDB in one bulk.
//
// Its mistakes are kept on purpose, each marked with a number; README.md says what they cost and which flag takes one away.
import { MongoClient } from 'mongodb';
import { createClient } from 'redis';
import { options } from './options.js';

const { redis: redisUrl, mongodb, interval, order, clients } = options({
  redis: 'redis://127.0.0.1:6379',
  mongodb: 'mongodb://127.0.0.1:27017',
  interval: '2000',
  order: 'purge-first', // or save-first
  clients: 'new', // or one
});

const redis = createClient({ url: redisUrl });
redis.on('error', (error) => console.error(`redis: ${error.message}`));
await redis.connect();

const first = new MongoClient(mongodb);

async function scores() {
  // 1: a client for each flush, which nobody closes.
  const client = clients === 'new' ? await new MongoClient(mongodb).connect() : first;
  return client.db('reference').collection('scores');
}

async function flush() {
  try {
    // 3: a scan of the key space, then a round trip for each key, in turn.
    const keys = await redis.keys('*');
    const players = [];
    for (const key of keys) {
      const player = await redis.get(key);
      if (player) players.push(JSON.parse(player));
    }
    if (players.length === 0) return;
    // 2: what came in since `GET` goes with it; and if the save fails, everything does.
    if (order === 'purge-first') await redis.del(keys);
    // 4: `id` has no index. 5: the bulk has no bound.
    const operations = players.map((player) => ({
      updateOne: { filter: { id: player.id }, update: { $set: player }, upsert: true },
    }));
    await (await scores()).bulkWrite(operations);
    // 2, the other way round: what came in since `GET` goes with it, and here that is the whole time of the save.
    if (order === 'save-first') await redis.del(keys);
  } catch (error) {
    console.error(`flush: ${error.message}`);
  } finally {
    // 1: this one was never connected.
    if (clients === 'new') await first.close();
  }
}

// 6: the timer does not wait for the flush before.
setInterval(flush, Number(interval));
console.log('ready');
