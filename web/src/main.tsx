// The entry of the score board.
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { Provider } from "urql";
import { createApi } from "./api/client.ts";
import { Page } from "./page/page.tsx";
import "./styles/base.css";
import "./styles/page.css";
import "./styles/board.css";
import "./styles/table.css";
import "./styles/tools.css";
import "./styles/me.css";

const { client, link } = createApi();
const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <Provider value={client}>
        <Page link={link} />
      </Provider>
    </StrictMode>,
  );
}
