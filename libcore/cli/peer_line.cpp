#include "cli/peer_line.hpp"

#include <poll.h>

#include <algorithm>
#include <chrono>

#include "process/boot_time.hpp"
#include "process/process_id.hpp"

namespace coord::cli {

using process::boot_now;

bool PeerLine::come_back(Start start, Child* child) {
  PeerOptions options = options_;
  options.no_autostart = options.no_autostart || start == Start::never;
  auto again = connect_again(options, tool_);
  if (!again) return false;
  if (child != nullptr && again->started != 0) {
    // Our child since its starter has ended, and none of the command's.
    if (const auto started = process::read_process(again->started)) child->spare(started->id);
  }
  peer_ = std::move(again->peer);
  away_ = !peer_.send(opening_()).ok();
  return !away_;
}

bool PeerLine::come_back_by(std::optional<Instant> deadline) {
  away_ = true;
  for (pause_.reset(); !come_back();) {
    if (deadline && boot_now() >= *deadline) return false;
    pause(deadline);
  }
  return true;
}

void PeerLine::pause(std::optional<Instant> deadline) {
  Duration length = pause_.next();
  if (deadline) length = std::clamp(*deadline - boot_now(), Duration{}, length);
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(length);
  ::poll(nullptr, 0, static_cast<int>(ms.count()));
}

void PeerLine::attend(Child& child, Attention attention) {
  attention_ = std::move(attention);
  child.watch().events = POLLIN;
  child.watch().ready = [this, &child](short) { hear(child); };
  if (away_) return look_for_peer(child);
  child.watch().fd = peer_.fd();
  hear(child);
}

void PeerLine::hear(Child& child) {
  for (;;) {
    auto answer = peer_.receive();
    if (!answer) {
      away_ = true;
      attention_.gone(answer.error());
      return look_later(child);
    }
    if (!answer->has_value()) return;
    attention_.take(**answer);
  }
}

void PeerLine::look_for_peer(Child& child) {
  if (!come_back(Start::allowed, &child)) return look_later(child);
  child.watch().fd = peer_.fd();
}

void PeerLine::look_later(Child& child) {
  child.watch().fd = -1;
  child.watch().at = boot_now() + pause_.next();
  child.watch().due = [this, &child] { look_for_peer(child); };
}

}  // namespace coord::cli
