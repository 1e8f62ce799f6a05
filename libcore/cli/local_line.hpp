// SPDX-License-Identifier: MIT
// A tool's line to its peer over the tool's whole life. coordd may be killed and started again, and a line
// that broke says nothing about what the peer still holds for the tool: so it is tied again, with pauses that
// grow, and each time opened with what makes the tool known (its session, its arrival, its request).
//
// Where tools may start their peer, this one does (connect_again); of one that ends whenever it begins it
// tells, at most once a minute, and tries ever more seldom. Threading: one owner.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "cli/child.hpp"
#include "cli/connect.hpp"

namespace coord::cli {

class LocalLine {
 public:
  // `opening`: asked each time the line is tied again for what is said first on it.
  using Opening = std::function<engine::Spoken()>;
  LocalLine(ConnectOptions options, std::string tool, Opening opening, engine::LocalConnection peer)
      : options_(std::move(options)),
        tool_(std::move(tool)),
        opening_(std::move(opening)),
        peer_(std::move(peer)) {}

  engine::LocalConnection& peer() { return peer_; }

  void hang_up() { const engine::LocalConnection ended = std::move(peer_); }

  // The line is known to be broken, and looked for.
  bool away() const { return away_; }
  void broken() { away_ = true; }

  enum class Start { allowed, never };
  // One try, that waits for nothing but a peer's start. True: the opening was sent, answers will come. A peer
  // that was started becomes a child of ours where we are a subreaper: it is none of `child`'s.
  bool come_back(Start start = Start::allowed, Child* child = nullptr);
  // Tries until `deadline` (none: for ever). False: the time is over.
  bool come_back_by(std::optional<Instant> deadline);
  // Waits for the pause before the next try, at most until `deadline`.
  void pause(std::optional<Instant> deadline = {});
  void calm() { pause_.reset(); }  // the peer was heard: the next pauses are short again

  // While `child` runs: each answer goes to `take`; when the line breaks `gone` is told why, once, and the
  // child runs on while the line is tied again. What has arrived already is taken at once.
  struct Attention {
    std::function<void(const local::Answer&)> take;
    std::function<void(const Error&)> gone;
  };
  void attend(Child& child, Attention attention);
  // Once the child has ended: takes what has come meanwhile. The peer stops a command as well, and may have
  // been first; then it has said so before.
  void catch_up(Child& child) {
    if (!away_) hear(child);
  }

 private:
  void tied(bool started);
  Duration next_pause();
  void hear(Child& child);
  void look_for_peer(Child& child);
  void look_later(Child& child);

  ConnectOptions options_;
  std::string tool_;
  Opening opening_;
  engine::LocalConnection peer_;
  Attention attention_;
  BackOff pause_;
  Instant tied_at_;                 // when it was tied again the last time
  Instant lost_at_;                 // when the last one that was tied broke
  int in_vain_ = 0;                 // peers that were started since the line last held for a while
  std::optional<Instant> told_at_;  // that they end whenever they begin
  bool away_ = false;
};

}  // namespace coord::cli
