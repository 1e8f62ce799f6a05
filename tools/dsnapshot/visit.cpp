// SPDX-License-Identifier: MIT
// dsnapshot send, stop, ps: from outside.
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>

#include "base/format.hpp"
#include "cli/names.hpp"
#include "cli/run.hpp"
#include "cli/table.hpp"
#include "process/boot_time.hpp"
#include "taking.hpp"
#include "verbs.hpp"

namespace coord::dsnapshot {
namespace {

using namespace std::chrono_literals;
using process::boot_now;

// Channels to some processes, until all that was offered is taken.
class Visit {
 public:
  static Result<Visit> open(const cli::ConnectOptions& peer, const std::string& group) {
    const cut::Life life = visitor_life();
    auto line = GroupLine::open({peer, group, life, true});
    if (!line) return line.error();
    auto view = first_view(*line);
    if (!view) return view.error();
    return Visit(life, std::move(*line), std::move(*view));
  }
  const cut::View& view() const { return view_; }
  channel::Channel& to(cut::Life life) { return channels_.try_emplace(life, life_, life).first->second; }
  // What comes and goes in that time.
  Status carry_for(Duration time) {
    const Instant end = boot_now() + time;
    return carry_until([end] { return boot_now() >= end; }, end + 1s);
  }
  // Until `enough`; an Error: a receiver has ended (unless that is as good), or the time is over.
  Status carry_until(const std::function<bool()>& enough, Instant end, bool may_have_ended = false) {
    GroupLine::Heard heard;
    std::optional<std::string> gone;
    heard.packet = [&](cut::Life from, bool, ByteView bytes) {
      const auto found = channels_.find(from);
      const auto message = channel::decode(bytes);
      if (found == channels_.end() || !message) return;
      found->second.receive(boot_now(), *message);
      if (found->second.refused().empty()) return;
      for (const record::Member& member : view_.members)
        if (member.life == from) gone = member.id;
    };
    heard.view = [&](const cut::View& now) {
      for (const record::Member& member : view_.members) {
        const record::Member* same = now.find(member.id);
        const auto channel = channels_.find(member.life);
        if (channel != channels_.end() && !channel->second.all_taken() &&
            (!same || same->life != member.life)) {
          gone = member.id;
          (void)channel->second.close();
        }
      }
    };
    heard.reconnected = [&] {
      for (auto& [life, channel] : channels_) channel.reconnected();
    };
    while (!enough()) {
      Instant until = boot_now() + 1s;
      for (auto& [life, channel] : channels_) {
        for (const channel::Message& message : channel.poll(boot_now()))
          line_.send({{life, channel::encode(message)}});
        if (const auto at = channel.deadline()) until = std::min(until, *at);
      }
      wait_on(line_, until);
      if (Status status = line_.hear(heard); !status) return status;
      if (gone && !may_have_ended)
        return Error{ErrorKind::unavailable, cli::shown(*gone), "it has ended before it read all",
                     "see dsnapshot ps"};
      if (boot_now() >= end)
        return Error{ErrorKind::unavailable, "dsnapshot", "it is not read in time", "see dsnapshot ps"};
    }
    return done();
  }

 private:
  Visit(cut::Life life, GroupLine line, cut::View view)
      : life_(life), line_(std::move(line)), view_(std::move(view)) {}
  cut::Life life_;
  GroupLine line_;
  cut::View view_;
  std::map<cut::Life, channel::Channel> channels_;
};

struct VisitSettings {
  const Common& common;
  std::string group{}, to{}, text{};
  Duration wait = 10s;
  bool json = false;
};

// The process forgets who is not heard of for long.
constexpr Duration heard_every = 60s;

Status wait_for_stdin(Visit& visit, channel::Channel& channel) {
  for (pollfd input{STDIN_FILENO, POLLIN, 0}; ::poll(&input, 1, heard_every / 1ms) == 0;) {
    channel.ask();
    if (Status carried = visit.carry_for(1ms); !carried) return carried;
  }
  return done();
}

Status send_lines_of_stdin(Visit& visit, channel::Channel& channel, Duration wait) {
  std::string text;
  std::array<char, 65536> buffer{};
  for (ssize_t n = 1; n != 0;) {
    if (Status heard = wait_for_stdin(visit, channel); !heard) return heard;
    n = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (n < 0) return Error{ErrorKind::data, "standard input", "it cannot be read", ""};
    text.append(buffer.data(), static_cast<std::size_t>(n));
    if (n == 0 && !text.empty() && text.back() != '\n') text += '\n';
    std::size_t from = 0;
    for (std::size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n', from)) {
      if (end - from > record::longest_body)
        return Error{ErrorKind::data, "standard input", "a line is longer than 1 MiB", "send shorter ones"};
      channel.offer(encode(cut::Item(cut::Line{text.substr(from, end - from)})));
      from = end + 1;
      if (Status room = visit.carry_until([&] { return channel.has_room(); }, boot_now() + wait); !room)
        return room;
    }
    text.erase(0, from);
    if (text.size() > record::longest_body)
      return Error{ErrorKind::data, "standard input", "a line is longer than 1 MiB", "send shorter ones"};
    // What is there is not kept back for what may come.
    if (Status taken = visit.carry_until([&] { return channel.all_taken(); }, boot_now() + wait); !taken)
      return taken;
  }
  return done();
}

Result<cli::Exit> send(const VisitSettings& s) {
  if (Status named = check_group(s.group); !named) return named.error();
  auto visit = Visit::open(s.common.peer, s.group);
  if (!visit) return visit.error();
  const record::Member* to = visit->view().find(s.to);
  if (!to) {
    cli::notice("dsnapshot", fmt::format("{}: nobody has the id {}", cli::shown(s.group), cli::shown(s.to)));
    return cli::Exit::no;
  }
  channel::Channel& channel = visit->to(to->life);
  if (s.text == "-") {
    if (Status sent = send_lines_of_stdin(*visit, channel, s.wait); !sent) return sent.error();
  } else {
    if (s.text.size() > record::longest_body || s.text.find('\n') != std::string::npos)
      return Error{ErrorKind::usage, "LINE", "it is more than one line, or longer than 1 MiB",
                   "send lines with -"};
    channel.offer(encode(cut::Item(cut::Line{s.text})));
  }
  if (Status taken = visit->carry_until([&] { return channel.all_taken(); }, boot_now() + s.wait); !taken)
    return taken.error();
  return cli::Exit::done;
}

// When nothing is on its way.
Result<cli::Exit> stop(const VisitSettings& s) {
  if (Status named = check_group(s.group); !named) return named.error();
  const Instant end = boot_now() + s.wait;
  cli::BackOff pause;
  for (bool any = false;; any = true) {
    auto collected = take_one(s.common.peer, s.group, std::max<Duration>(end - boot_now(), 1ms));
    if (!collected) return collected.error();
    if (collected->snapshot.members.empty()) return any ? cli::Exit::done : nobody_in(s.group);
    const cut::Drained drained = cut::drained(*collected, [](std::string_view) { return true; });
    const bool external = std::ranges::any_of(collected->snapshot.processes, &record::Process::external);
    if (drained.state != cut::Drained::State::goes_on || (external && collected->snapshot.complete())) break;
    if (boot_now() >= end) {
      cli::notice("dsnapshot",
                  fmt::format("{}: not stopped: {}", cli::shown(s.group), cli::shown(drained.why)));
      return cli::Exit::no;
    }
    ::poll(nullptr, 0, static_cast<int>(pause.next() / 1ms));
  }
  auto visit = Visit::open(s.common.peer, s.group);
  if (!visit) return visit.error();
  for (const record::Member& member : visit->view().members)
    visit->to(member.life).offer(encode(cut::Item(cut::EndInput{})));
  const auto all_taken = [&] {
    return std::ranges::all_of(visit->view().members,
                               [&](const record::Member& m) { return visit->to(m.life).all_taken(); });
  };
  // One may end before it could say that it has heard.
  (void)visit->carry_until(all_taken, end, true);
  return cli::Exit::done;
}

Result<cli::Exit> ps(const VisitSettings& s) {
  if (Status named = check_group(s.group); !named) return named.error();
  const WallTime as_of = wall_now();
  auto visit = Visit::open(s.common.peer, s.group);
  if (!visit) return visit.error();
  cli::Table table({{"ID"}, {"HOST"}, {"LIFE", cli::Table::Align::right}});
  for (const record::Member& member : visit->view().members) {
    if (s.json) {
      cli::print(cli::JsonObject()
                     .name("group", s.group)
                     .integer("view", visit->view().number)
                     .name("id", member.id)
                     .name("host", member.host)
                     .integer("life", member.life)
                     .time("as_of", as_of)
                     .line());
    } else {
      table.row({member.id, member.host, std::to_string(member.life)});
    }
  }
  if (!s.json && !table.empty()) cli::print(cli::for_stdout(std::move(table)));
  return visit->view().members.empty() ? cli::Exit::no : cli::Exit::done;
}

}  // namespace

void add_send(cli::Options& tool, const Common& common) {
  auto& verb = tool.verb("send", "send lines to a process from outside");
  auto s = std::make_shared<VisitSettings>(VisitSettings{common});
  verb.synopsis("[options] GROUP TO LINE|-", "");
  verb.value("-w,--wait", "SECONDS", s->wait, "until it is read (10)").between(1ms, 24h);
  verb.operand("GROUP", s->group, "name of the group");
  verb.operand("TO", s->to, "id of the process");
  verb.operand("LINE", s->text, "its input, from !; -: lines of standard input");
  verb.example("dsnapshot send bank P1 begin", "");
  verb.does([s] { return send(*s); });
}

void add_stop(cli::Options& tool, const Common& common) {
  auto& verb = tool.verb("stop", "end the input of all once nothing is on its way");
  auto s = std::make_shared<VisitSettings>(VisitSettings{common});
  verb.synopsis("[options] GROUP", "1: something was on its way all the time");
  verb.value("-w,--wait", "SECONDS", s->wait, "at most so long (10)").between(1ms, 24h);
  verb.operand("GROUP", s->group, "name of the group");
  verb.example("dsnapshot stop bank", "");
  verb.does([s] { return stop(*s); });
}

void add_ps(cli::Options& tool, const Common& common) {
  auto& verb = tool.verb("ps", "the processes of a group");
  auto s = std::make_shared<VisitSettings>(VisitSettings{common});
  verb.synopsis("[options] GROUP", "1: nobody");
  verb.flag("--json", s->json, "a JSON object for each process");
  verb.operand("GROUP", s->group, "name of the group");
  verb.example("dsnapshot ps bank", "");
  verb.does([s] { return ps(*s); });
}

}  // namespace coord::dsnapshot
