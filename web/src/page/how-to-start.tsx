// Shown where there is no board yet: the two shortest ways to one. The page notices by itself when it is there.
import { Name } from "../board/name.tsx";

const mutationFor = (id: string) =>
  `mutation {\n  createLeaderboard(input: { id: ${JSON.stringify(id)} }) {\n    leaderboard { id }\n    userErrors { message }\n  }\n}`;

interface Props {
  /** The board that a link asked for; without it, there are no boards at all. */
  boardId?: string;
}

export function HowToStart({ boardId }: Props) {
  const mutation = mutationFor(boardId ?? "weekly");
  return (
    <div className="start">
      {boardId === undefined ? (
        <>
          <h1>No boards yet</h1>
          <p className="lead">As soon as there is one, it appears here by itself.</p>
        </>
      ) : (
        <p className="lead">
          There is no board <Name id={boardId} /> yet. As soon as there is, it appears here by itself.
        </p>
      )}
      <ol>
        <li>
          <h2>Watch it play</h2>
          <p>Twenty players, eleven scores a second, from a terminal:</p>
          <pre>
            <code>hiscore simulate</code>
          </pre>
        </li>
        <li>
          <h2>Or create your own</h2>
          <p>
            <a href={`/graphiql?query=${encodeURIComponent(mutation)}`}>Run this in GraphiQL</a>, or send it from your
            game:
          </p>
          <pre>
            <code>{mutation}</code>
          </pre>
        </li>
      </ol>
    </div>
  );
}
