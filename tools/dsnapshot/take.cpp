// SPDX-License-Identifier: MIT
// dsnapshot take, wait: snapshots of a group of processes.
#include <fcntl.h>
#include <fnmatch.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <memory>

#include "base/descriptor.hpp"
#include "base/format.hpp"
#include "cli/names.hpp"
#include "cli/output_file.hpp"
#include "cli/run.hpp"
#include "ends.hpp"
#include "kept.hpp"
#include "process/boot_time.hpp"
#include "snapshot/record_text.hpp"
#include "stored.hpp"
#include "taking.hpp"
#include "verbs.hpp"

namespace coord::dsnapshot {
namespace {

using namespace std::chrono_literals;
using process::boot_now;

struct TakeSettings {
  const Common& common;
  std::string group{}, output{};
  Duration patience = 10s;
  std::optional<Duration> every{};
  std::optional<std::size_t> keep{};
};

void rest(Duration duration) {
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(std::max(duration, Duration{})).count();
  ::poll(nullptr, 0, static_cast<int>(std::min<std::int64_t>(ms, 1'000'000'000)));
}

// Whole or not at all, also if this is killed: into a new file beside it, which then takes its place. It is
// not synced, for nobody is to wait for the disk: the one that the peer keeps is. A pipe or a device stays
// what it is.
Status write_file(const std::string& path, const std::string& text) {
  struct stat there {};
  if (::stat(path.c_str(), &there) == 0 && !S_ISREG(there.st_mode)) {
    const auto file = cli::open_output_file(path, cli::shown(path));
    return file ? cli::write_output_file(*file, text, cli::shown(path)) : Status(file.error());
  }
  const std::string beside = fmt::format("{}.new", path);
  ::unlink(beside.c_str());  // of one that was killed; a link that another user has put there is not followed
  const Descriptor file(::open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666));
  const bool written = file.is_open() && cli::write_output_file(file, text, cli::shown(path)).ok();
  if (!written || std::rename(beside.c_str(), path.c_str()) != 0) {
    ::unlink(beside.c_str());
    return Error{ErrorKind::output, cli::shown(path), "it could not be written", "name another file with -o"};
  }
  return done();
}

// FILE, FILE.1, FILE.2: the newest first.
void make_room(const std::string& path, std::size_t keep) {
  const auto name = [&](std::size_t age) { return age == 0 ? path : fmt::format("{}.{}", path, age); };
  // Each is there at all times, whenever this is interrupted: the younger one takes its place.
  for (std::size_t age = keep - 1; age > 0; --age) {
    const std::string beside = fmt::format("{}.new", name(age));
    ::unlink(beside.c_str());
    if (::link(name(age - 1).c_str(), beside.c_str()) == 0) std::rename(beside.c_str(), name(age).c_str());
    ::unlink(beside.c_str());  // both were the same file
  }
}

void hint(const record::Snapshot& snapshot) {
  for (const record::Missing& missing : snapshot.missing) {
    if (missing.why == record::Why::no_answer)
      cli::notice(
          "dsnapshot",
          fmt::format("{} has not answered; is its output buffered? stdbuf -oL, awk fflush(), python3 -u",
                      cli::shown(missing.id)));
  }
}

Result<cli::Exit> put(const TakeSettings& s, Taken& collected) {
  const auto text = record::to_text(collected.snapshot);
  if (!text) return text.error();
  if (s.output.empty() || s.output == "-") {
    cli::print(*text);
    if (Status flushed = cli::flush(); !flushed) return flushed.error();
  } else {
    if (s.keep) make_room(s.output, *s.keep);
    if (Status written = write_file(s.output, *text); !written) return written.error();
  }
  if (Status kept = keep(s.common, *text, collected.owner, std::move(collected.peer)); !kept)
    cli::notice("dsnapshot", fmt::format("not kept: {}", kept.error().text()));
  hint(collected.snapshot);
  return tell_incomplete(collected.snapshot);
}

Result<cli::Exit> take(const TakeSettings& s) {
  if (Status named = check_group(s.group); !named) return named.error();
  for (;;) {
    const Instant began = boot_now();
    auto collected = take_one(s.common.peer, s.group, s.patience);
    if (!collected) return collected.error();
    if (collected->snapshot.members.empty()) return nobody_in(s.group);
    auto exit = put(s, *collected);
    if (!exit || !s.every) return exit;
    rest(began + *s.every - boot_now());
  }
}

struct WaitSettings {
  const Common& common;
  std::string group{}, idle = "idle*";
  std::optional<Duration> wait{};
  bool json = false, quiet = false;
};

void print_done(const WaitSettings& s, const record::Snapshot& snapshot) {
  if (s.quiet) return;
  if (s.json) {
    cli::JsonArray members;
    for (const record::Member& member : snapshot.members) members.text(member.id);
    cli::print(cli::JsonObject()
                   .name("group", s.group)
                   .boolean("done", true)
                   .integer("view", snapshot.view)
                   .text("snapshot", snapshot.id)
                   .array("members", members)
                   .line());
    return;
  }
  std::string ids;
  for (const record::Member& member : snapshot.members)
    ids += (ids.empty() ? "" : ", ") + cli::shown(member.id);
  if (ids.empty()) ids = "all have ended";
  cli::print(fmt::format("done: all idle, nothing on its way: {} (view {})\n", ids, snapshot.view));
}

// All that are there are idle: how have the others ended?
Result<cli::Exit> end_wait(const WaitSettings& s, const record::Snapshot& snapshot) {
  auto ends = ends_in(s.common.peer, s.group);
  if (!ends) return ends.error();
  if (!ends->any) return nobody_in(s.group);
  if (!ends->badly.empty()) {
    cli::notice("dsnapshot", fmt::format("{}: {}", cli::shown(s.group), ends->badly));
    return cli::Exit::failed;
  }
  print_done(s, snapshot);
  return cli::Exit::done;
}

Result<cli::Exit> wait(const WaitSettings& s) {
  if (Status named = check_group(s.group); !named) return named.error();
  const std::optional<Instant> end = s.wait ? std::optional(boot_now() + *s.wait) : std::nullopt;
  const auto idle = [&](std::string_view state) {
    return ::fnmatch(s.idle.c_str(), std::string(state).c_str(), 0) == 0;
  };
  cli::BackOff pause;
  std::string why;  // of the last complete snapshot: one that was cut short says less
  for (;;) {
    const Duration patience = end ? std::clamp<Duration>(*end - boot_now(), 1ms, 10s) : Duration(10s);
    auto collected = take_one(s.common.peer, s.group, patience);
    if (!collected) return collected.error();
    const cut::Drained drained = cut::drained(*collected, idle);
    if (drained.state == cut::Drained::State::done) return end_wait(s, collected->snapshot);
    if (drained.state == cut::Drained::State::never) {
      cli::notice("dsnapshot", fmt::format("{}: {}", cli::shown(s.group), cli::shown(drained.why)));
      return cli::Exit::failed;
    }
    if (collected->snapshot.complete() || why.empty()) why = drained.why;
    if (end && boot_now() >= *end) {
      if (!s.quiet)
        cli::notice("dsnapshot", fmt::format("{}: not done: {}", cli::shown(s.group), cli::shown(why)));
      return cli::Exit::no;
    }
    rest(pause.next());
  }
}

}  // namespace

void add_take(cli::Options& tool, const Common& common) {
  auto& verb = tool.verb("take", "take a consistent snapshot of a group of processes");
  auto s = std::make_shared<TakeSettings>(TakeSettings{common});
  verb.synopsis("[options] GROUP", "1: incomplete");
  verb.value("-o,--output", "FILE", s->output, "write it here instead of to standard output")
      .completes(cli::Completion::file);
  verb.value("-w,--wait", "SECONDS", s->patience, "until all have answered (10)").between(1ms, 24h);
  verb.value("--every", "SECONDS", s->every, "take one so often, until interrupted").between(1ms, 240h);
  verb.value("--keep", "N", s->keep, "with --every -o: so many, the newest in FILE, then FILE.1")
      .between(1, 1000)
      .needs("--every");
  verb.operand("GROUP", s->group, "name of the group");
  verb.example("dsnapshot take bank -o bank.jsonl && dsnapshot check bank.jsonl", "");
  verb.does([s]() -> Result<cli::Exit> {
    if (s->keep && (s->output.empty() || s->output == "-"))
      return Error{ErrorKind::usage, "--keep", "it needs a file", "name one with -o"};
    return take(*s);
  });
}

void add_wait(cli::Options& tool, const Common& common) {
  auto& verb = tool.verb("wait", "wait until the work of a group is done");
  auto s = std::make_shared<WaitSettings>(WaitSettings{common});
  verb.synopsis("[options] GROUP", "1: not in time, 3: never");
  verb.value("-w,--wait", "SECONDS", s->wait, "at most so long").between(Duration{}, 8760h);
  verb.value("--idle", "PATTERN", s->idle, "shell pattern of an idle process's state (idle*)");
  verb.flag("--json", s->json, "print the answer as JSON");
  verb.flag("-q,--quiet", s->quiet, "print nothing");
  verb.operand("GROUP", s->group, "name of the group");
  verb.example("dsnapshot wait -w 60 bank && dsnapshot stop bank", "");
  verb.does([s] { return wait(*s); });
}

}  // namespace coord::dsnapshot
