"use strict";
// Runs before textual.js begins, which waits for all of the page, its font included.

const terminal = document.getElementById("terminal");
const wanted = Number(new URLSearchParams(location.search).get("fontsize"));
// Not what the server is called where it runs: by ssh -L it has another name and port here.
terminal.dataset.sessionWebsocketUrl = `${location.origin.replace(/^http/, "ws")}/ws`;
terminal.dataset.fontSize = wanted >= 6 && wanted <= 60 ? wanted : 16;

window.WebSocket = class extends WebSocket {
  constructor(...given) {
    super(...given);
    this.addEventListener("open", () => {
      document.querySelector(".xterm-helper-textarea").focus();
    });
    this.addEventListener("close", (event) => {
      document.getElementById("why").textContent =
        event.reason || "The connection to the server was lost. What trains goes on.";
      document.body.classList.add("-closed");
      document.getElementById("again").focus();
    });
  }

  send(data) {
    if (this.readyState === WebSocket.OPEN) {
      super.send(data); // textual.js would also tell a closed one that it lost the focus
    }
  }
};

document.getElementById("again").addEventListener("click", () => location.reload());

// The terminal would take it for a sign to send; left to the browser, it pastes.
document.addEventListener(
  "keydown",
  (event) => {
    if (event.ctrlKey && !event.altKey && event.key.toLowerCase() === "v") {
      event.stopImmediatePropagation();
    }
  },
  true,
);
