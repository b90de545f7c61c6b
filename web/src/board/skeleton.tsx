// What stands in for the table until the first one arrives, so that nothing jumps when it does.
const ROWS = ["a", "b", "c", "d", "e", "f", "g", "h"];

export function Skeleton() {
  return (
    <div className="skeleton" aria-hidden="true">
      {ROWS.map((row) => (
        <div key={row} className="skeleton-row">
          <span />
          <span />
          <span />
        </div>
      ))}
    </div>
  );
}
