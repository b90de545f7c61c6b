// The one live region of the page. Whoever has something to say says it under a topic; it is read out politely, the
// latest of each topic, and not more often than one can listen to.
import { createContext, type ReactNode, useContext, useEffect, useRef, useState } from "react";
import { Announcements } from "./announcements.ts";

type Say = (topic: string, text: string) => void;

const Context = createContext<Say>(() => {});

export const useSay = (): Say => useContext(Context);

export function Announcer({ children }: { children: ReactNode }) {
  const [text, setText] = useState("");
  const [announcements] = useState(() => new Announcements(setText));
  const say = useRef<Say>((topic, words) => announcements.say(topic, words));
  useEffect(() => () => announcements.stop(), [announcements]);
  return (
    <Context value={say.current}>
      {children}
      <p role="status" className="for-ears">
        {text}
      </p>
    </Context>
  );
}
