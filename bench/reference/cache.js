// Score cache service: GraphQL mutations that keep each player's score in Redis, until the persistence service takes it.
//
// What express-graphql did with a request is done here without Express: parse, validate and execute, anew each time.
import { createServer } from 'node:http';
import { buildSchema, graphql } from 'graphql';
import { createClient } from 'redis';
import { options } from './options.js';

const { port, redis: url } = options({ port: '4000', redis: 'redis://127.0.0.1:6379' });

const schema = buildSchema(`
  type Player { id: ID! score: Int! }
  input PlayerInput { id: ID! score: Int! }
  type Query { player(id: ID!): Player }
  type Mutation {
    saveScore(id: ID!, score: Int!): Player
    saveScores(players: [PlayerInput!]!): [Player!]!
  }
`);

const redis = createClient({ url });
redis.on('error', (error) => console.error(`redis: ${error.message}`));
await redis.connect();

// The whole player as JSON under its id, as it came: nothing is compared with what is there.
const save = async ({ id, score }) => {
  await redis.set(id, JSON.stringify({ id, score }));
  return { id, score };
};

const rootValue = {
  player: async ({ id }) => JSON.parse((await redis.get(id)) ?? 'null'),
  saveScore: save,
  saveScores: ({ players }) => Promise.all(players.map(save)),
};

async function answer(body) {
  const { query, variables } = JSON.parse(body);
  return graphql({ schema, source: query, rootValue, variableValues: variables });
}

createServer((request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', async () => {
    const result = await answer(Buffer.concat(chunks).toString()).catch((error) => ({ errors: [{ message: error.message }] }));
    const text = JSON.stringify(result);
    response.writeHead(result.data ? 200 : 400, {
      'content-type': 'application/json; charset=utf-8',
      'content-length': Buffer.byteLength(text),
    });
    response.end(text);
  });
}).listen(Number(port), '127.0.0.1', () => console.log('ready'));
