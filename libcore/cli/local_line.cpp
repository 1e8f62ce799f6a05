// SPDX-License-Identifier: MIT
#include "cli/local_line.hpp"

#include <poll.h>

#include <algorithm>
#include <chrono>

#include "base/format.hpp"
#include "cli/run.hpp"
#include "process/boot_time.hpp"
#include "process/process_id.hpp"

namespace coord::cli {

using process::boot_now;

namespace {

constexpr Duration good_after = std::chrono::seconds(1);
constexpr int told_after = 3;    // starts in vain
constexpr int seldom_after = 8;  // of them: from there on one a second
constexpr Duration told_again_after = std::chrono::minutes(1);

}  // namespace

// Where starting helps nothing: a peer that ends whenever it begins, for want of room or by a bug. Whatever
// it says in between: a line that holds for a second is a good one. The pause before the next start is not
// counted: it would make good what is only tried seldom.
void LocalLine::tied(bool started) {
  if (lost_at_ - tied_at_ >= good_after) {
    in_vain_ = 0;
    pause_.reset();
  }
  tied_at_ = boot_now();
  if (!started || ++in_vain_ != told_after) return;
  // On a slow host a peer may hold for a second, and end all the same.
  if (told_at_ && tied_at_ - *told_at_ < told_again_after) return;
  told_at_ = tied_at_;
  const std::string said = why_it_ended(options_);
  notice(tool_, fmt::format("the peer ends whenever it begins{}: trying again now and then",
                            said.empty() ? "" : fmt::format("; it said: {}", said)));
}

Duration LocalLine::next_pause() {
  const Duration pause = pause_.next();
  return in_vain_ < seldom_after ? pause : std::max<Duration>(pause, std::chrono::seconds(1));
}

bool LocalLine::come_back(Start start, Child* child) {
  ConnectOptions options = options_;
  options.no_autostart = options.no_autostart || start == Start::never;
  auto again = connect_again(options, tool_);
  if (!again) return false;
  tied(again->started != 0);
  if (child != nullptr && again->started != 0) {
    // Our child since its starter has ended, and none of the command's.
    if (const auto started = process::read_process(again->started)) child->spare(started->id);
  }
  peer_ = std::move(again->peer);
  away_ = !peer_.send(opening_()).ok();
  if (away_) lost_at_ = boot_now();
  return !away_;
}

bool LocalLine::come_back_by(std::optional<Instant> deadline) {
  away_ = true;
  lost_at_ = boot_now();
  if (boot_now() - tied_at_ < good_after) pause(deadline);
  while (!come_back()) {
    if (deadline && boot_now() >= *deadline) return false;
    pause(deadline);
  }
  return true;
}

void LocalLine::pause(std::optional<Instant> deadline) {
  Duration length = next_pause();
  if (deadline) length = std::clamp(*deadline - boot_now(), Duration{}, length);
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(length);
  ::poll(nullptr, 0, static_cast<int>(ms.count()));
}

void LocalLine::attend(Child& child, Attention attention) {
  attention_ = std::move(attention);
  child.watch().events = POLLIN;
  child.watch().ready = [this, &child](short) { hear(child); };
  if (away_) return look_for_peer(child);
  child.watch().fd = peer_.fd();
  hear(child);
}

void LocalLine::hear(Child& child) {
  for (;;) {
    auto answer = peer_.receive();
    if (!answer) {
      away_ = true;
      lost_at_ = boot_now();
      attention_.gone(answer.error());
      return look_later(child);
    }
    if (!answer->has_value()) return;
    attention_.take(**answer);
  }
}

void LocalLine::look_for_peer(Child& child) {
  if (!come_back(Start::allowed, &child)) return look_later(child);
  child.watch().fd = peer_.fd();
}

void LocalLine::look_later(Child& child) {
  child.watch().fd = -1;
  child.watch().at = boot_now() + next_pause();
  child.watch().due = [this, &child] { look_for_peer(child); };
}

}  // namespace coord::cli
