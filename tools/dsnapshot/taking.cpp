// SPDX-License-Identifier: MIT
#include "taking.hpp"

#include <poll.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <utility>

#include "base/format.hpp"
#include "cli/names.hpp"
#include "cli/run.hpp"
#include "process/boot_time.hpp"

namespace coord::dsnapshot {

namespace {

using namespace std::chrono_literals;
using process::boot_now;

std::string new_id(WallTime at, cut::Life life) {
  char text[64];
  std::snprintf(text, sizeof text, "%lld-%06llx", static_cast<long long>(at.unix_ns / 1'000'000'000),
                static_cast<unsigned long long>(life & 0xffffffU));
  return text;
}

}  // namespace

WallTime wall_now() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return WallTime{std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec};
}

Result<Taken> take_one(const cli::ConnectOptions& peer, const std::string& group, Duration patience) {
  const Instant end = boot_now() + patience;
  for (bool begun_again = false;;) {
    const cut::Life life = visitor_life();
    auto line = GroupLine::open({cli::in_time(peer, patience), group, life, true});
    if (!line) return line.error();
    auto view = first_view(*line);
    if (!view) return view.error();
    if (view->members.empty()) return Taken{};
    const WallTime at = wall_now();
    cut::Collector collector(boot_now(), life, new_id(at, life), group, *view, at,
                             std::max<Duration>(end - boot_now(), 1ms));
    GroupLine::Heard heard;
    heard.packet = [&](cut::Life from, bool, ByteView bytes) { collector.packet(boot_now(), from, bytes); };
    heard.view = [&](const cut::View& now) { collector.view(now); };
    heard.reconnected = [&] { collector.reconnected(); };
    while (!collector.over()) {
      line->send(collector.packets(boot_now()));
      wait_on(*line, *collector.deadline());
      if (Status status = line->hear(heard); !status) return status.error();
      collector.tick(boot_now());
    }
    if (collector.view_changed() && boot_now() < end) {
      const bool has_moved = line->view()->number != view->number;
      // Else somebody has not heard of this view yet.
      if (!has_moved) ::poll(nullptr, 0, 50);
      if (!has_moved || !std::exchange(begun_again, true)) continue;
    }
    line->send(collector.packets(boot_now()));  // what has come is not sent again
    Taken taken{collector.collected(), line->owner(), {}};
    taken.peer = line->part();
    return taken;
  }
}

cli::Exit nobody_in(const std::string& group) {
  cli::notice("dsnapshot",
              fmt::format("{}: nobody is in this group: start one with dsnapshot run", cli::shown(group)));
  return cli::Exit::no;
}

}  // namespace coord::dsnapshot
