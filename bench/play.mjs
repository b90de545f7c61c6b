// Players whose every answer is written down: `node play.mjs URL SYSTEM PLAYERS SECONDS`.
//
// Each of the players who play at once sends a score, waits for the answer, pauses 90 ms and sends the next higher one;
// after ten scores it leaves for good and another comes. What is lost then stays lost, no later score covers it up. A score
// that is refused or not answered is sent again. On the standard output: for each player the last score that was acknowledged.
import { Agent, request } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';

const [url, system, players, seconds] = process.argv.slice(2);
const PAUSE = 90;
const SCORES = 10;
const TIMEOUT = 10_000;

const systems = {
  reference: {
    query: 'mutation($id: ID!, $score: Int!) { saveScore(id: $id, score: $score) { id } }',
    variables: (id, score) => ({ id, score }),
    accepted: (data) => data.saveScore !== null,
  },
  hiscore: {
    query: 'mutation($in: SubmitScoreInput!) { submitScore(input: $in) { ack } }',
    variables: (id, score) => ({ in: { leaderboardId: 'bench', playerId: id, score } }),
    accepted: (data) => data.submitScore.ack !== null,
  },
};
const { query, variables, accepted } = systems[system];
const agent = new Agent({ keepAlive: true });

function send(id, score) {
  const body = JSON.stringify({ query, variables: variables(id, score) });
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
  return new Promise((resolve, reject) => {
    const asked = request(`${url}/graphql`, { method: 'POST', agent, headers, timeout: TIMEOUT }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (part) => (text += part)).on('error', reject);
      answer.on('end', () => {
        try {
          resolve(accepted(JSON.parse(text).data));
        } catch (error) {
          reject(error);
        }
      });
    });
    asked.on('timeout', () => asked.destroy(new Error('no answer'))).on('error', reject).end(body);
  });
}

const acknowledged = {};
const times = [];
let refused = 0;
let count = 0;
const end = performance.now() + seconds * 1000;

async function play() {
  await pause(Math.random() * PAUSE);
  while (performance.now() < end) {
    const id = `p${count++}`;
    for (let score = 1; score <= SCORES && performance.now() < end; ) {
      const began = performance.now();
      if (await send(id, score).catch(() => false)) {
        times.push(performance.now() - began);
        acknowledged[id] = score++;
      } else {
        refused++;
      }
      await pause(PAUSE);
    }
  }
}

await Promise.all(Array.from({ length: players }, play));
agent.destroy();
times.sort((a, b) => a - b);
const updates = times.length;
const at = (share) => times[Math.min(updates - 1, Math.floor(updates * share))] ?? null;
console.log(JSON.stringify({ updates, refused, p50_ms: at(0.5), p99_ms: at(0.99), worst_ms: at(1), acknowledged }));
