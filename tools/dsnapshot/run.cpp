// SPDX-License-Identifier: MIT
// dsnapshot run: a command becomes a process of a group.
#include "cli/run.hpp"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <thread>

#include "base/format.hpp"
#include "cli/held_session.hpp"
#include "cli/names.hpp"
#include "cli/output_file.hpp"
#include "process/boot_time.hpp"
#include "pump.hpp"
#include "verbs.hpp"

namespace coord::dsnapshot {
namespace {

using namespace std::chrono_literals;

struct RunSettings {
  const Common& common;
  std::string group{}, id{};
  std::size_t count = 1;
  cut::Format format = cut::Format::tsv;
  Duration patience = 10s, ttl = 30s;
  std::string state{}, to{}, log{};
  bool line_buffered = false, null = false, strict = false;
  cli::Command command{};
};

struct Pipe {
  Descriptor read, write;
};
Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0)
    return Error{ErrorKind::unavailable, "dsnapshot", "no pipe is to be had", "close some descriptors"};
  return Pipe{Descriptor(ends[0]), Descriptor(ends[1])};
}

class Run {
 public:
  explicit Run(const RunSettings& settings) : s_(settings) {}
  Result<cli::Exit> whole();

 private:
  cli::SessionTerms terms() const;
  Result<cli::Exit> run_in_group(cli::HeldSession& session);
  Status id_is_free(GroupLine& line, cut::Life life) const;
  cli::Program program() const;

  const RunSettings& s_;
};

cli::SessionTerms Run::terms() const {
  cli::SessionTerms terms;
  terms.tool = "dsnapshot";
  terms.object = cli::shown(s_.group);
  terms.peer = s_.common.peer;
  terms.request.request = cli::only_request;
  terms.request.names = {lock_of(s_.group)};
  terms.request.mode = local::Mode::shared;
  terms.request.wait = false;
  terms.request.ttl = s_.ttl;
  terms.request.pid = static_cast<std::uint32_t>(::getpid());
  terms.request.command = command_text(s_.id, s_.command.argv);
  terms.request.bare = true;  // a command whose wrapper has died is no process any more: it is stopped
  terms.grace = s_.ttl * 3 / 10;
  return terms;
}

// It may have to wait until all are there: then a shell reads an empty line first, and becomes it.
cli::Program Run::program() const {
  cli::Program program;
  program.argv = s_.command.argv;
  if (s_.line_buffered) program.argv.insert(program.argv.begin(), {"stdbuf", "-oL"});
  if (s_.count > 1)
    program.argv.insert(program.argv.begin(), {"/bin/sh", "-c", "read -r _ && exec \"$@\"", "dsnapshot"});
  program.environment = {{"DSNAPSHOT_GROUP", s_.group}, {"DSNAPSHOT_ID", s_.id}};
  return program;
}

Status Run::id_is_free(GroupLine& line, cut::Life life) const {
  const Instant end = process::boot_now() + 10s;
  for (;;) {
    auto view = first_view(line);
    if (!view) return view.error();
    const record::Member* same = view->find(s_.id);
    if (same && same->life == life) return done();
    if (same)
      return Error{ErrorKind::usage, fmt::format("id '{}'", cli::shown(s_.id)),
                   fmt::format("is in use on {}", cli::shown(same->host)), "take another one"};
    if (line.is_others()) return others_group(s_.group, line.owner());
    if (process::boot_now() > end)
      return Error{ErrorKind::unavailable, cli::shown(s_.group), "the group does not show us", "see dpeers"};
    wait_on(line, end);
    if (Status heard = line.hear({}); !heard) return heard;
  }
}

Result<cli::Exit> Run::run_in_group(cli::HeldSession& session) {
  const cut::Life life = session.grant().token.value;
  auto line = GroupLine::open({s_.common.peer, s_.group, life, false});
  if (!line) return line.error();
  if (Status free = id_is_free(*line, life); !free) return free.error();
  auto input = make_pipe(), output = make_pipe();
  if (!input || !output) return (input ? output : input).error();
  // The command inherits these two; ours are of no use to us from here on.
  ::dup2(input->read.get(), STDIN_FILENO);
  ::dup2(output->write.get(), STDOUT_FILENO);
  input->read.reset();
  output->write.reset();

  Pump::Terms pump_terms;
  pump_terms.group = s_.group;
  pump_terms.id = s_.id;
  pump_terms.life = life;
  pump_terms.format = s_.format;
  pump_terms.line_end = s_.null ? '\0' : '\n';
  pump_terms.patience = s_.patience;
  pump_terms.state_command = s_.state;
  pump_terms.count = s_.count;
  if (!s_.log.empty()) {
    auto log = cli::open_output_file(s_.log, cli::shown(s_.log));
    if (!log) return log.error();
    pump_terms.log = std::move(*log);
  }
  if (!s_.to.empty()) {
    auto names = cli::parse_names(s_.to, record::most_members);
    if (!names) return names.error();
    pump_terms.to = {names->begin(), names->end()};
  }
  Pump pump(std::move(pump_terms), std::move(*line), std::move(input->write), std::move(output->read));
  std::thread worker;
  // The command's ends are the command's alone: it is seen when it closes them.
  const auto part_with_ends = [] {
    const Descriptor null(::open("/dev/null", O_RDWR | O_CLOEXEC));
    ::dup2(null.get(), STDIN_FILENO);
    ::dup2(null.get(), STDOUT_FILENO);
  };
  // Not before the command was forked: a fork of a process with threads is no place to do anything in.
  const auto start = [&]() -> Status {
    part_with_ends();
    sigset_t all, before;
    sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    worker = std::thread([&] { pump.work(); });
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return done();
  };
  auto end = session.run(program(), {}, start);
  part_with_ends();
  const auto* ended = std::get_if<cli::HeldSession::Ended>(&end);
  pump.command_ended(!ended || ended->outcome.stopped == cli::StopCause::lost);
  if (worker.joinable()) worker.join();
  if (const auto* error = std::get_if<cli::SpawnError>(&end)) {
    session.let_go(static_cast<int>(error->exit));
    cli::complain("dsnapshot", error->error);
    return error->exit;
  }
  if (auto* refused = std::get_if<Error>(&end)) {
    session.let_go();
    return std::move(*refused);
  }
  if (std::holds_alternative<cli::HeldSession::PassedOn>(end))
    return Error{ErrorKind::unavailable, cli::shown(s_.group), "joining took too long", "try again"};
  const cli::Outcome& outcome = ended->outcome;
  if (outcome.stopped == cli::StopCause::lost) {
    session.let_go();
  } else {
    session.let_go(static_cast<int>(outcome.exit()));
  }
  cli::die_as_interrupted(outcome);
  if (s_.strict && pump.bad_lines() && outcome.exit() == cli::Exit::done) return cli::Exit::data;
  return outcome.exit();
}

Result<cli::Exit> Run::whole() {
  const cli::SessionTerms wanted = terms();
  std::optional<process::Cgroup> group;
  auto peer = cli::connect_to_peer(s_.common.peer, "dsnapshot", {wanted.request, -1}, [&] {
    if (!group) group = process::Cgroup::create();
  });
  if (!peer) return peer.error();
  cli::MessageCounts counts;
  cli::HeldSession session(wanted, std::move(*peer), counts, std::move(group));
  auto verdict = session.wait_for_verdict({});
  if (!verdict) return verdict.error();
  if (const auto* refused = std::get_if<local::Refused>(&*verdict))
    return Error{ErrorKind::unavailable, cli::shown(s_.group), refused->why, "see dpeers"};
  if (!std::holds_alternative<local::Granted>(*verdict))
    return Error{ErrorKind::unavailable, cli::shown(s_.group), "nobody could join in time", "see dpeers"};
  auto ended = run_in_group(session);
  if (!ended) session.let_go();
  return ended;
}

Result<cli::Exit> run(const RunSettings& s) {
  if (Status named = check_group(s.group); !named) return named.error();
  if (Status named = check_id(s.id); !named) return named.error();
  return Run(s).whole();
}

}  // namespace

void add_run(cli::Options& tool, const Common& common) {
  auto& verb = tool.verb("run", "make a command a process of a group");
  auto s = std::make_shared<RunSettings>(RunSettings{common});
  verb.synopsis("[options] GROUP --id ID [--] COMMAND [ARG...]", "");
  verb.value("-i,--id", "ID", s->id, "of this process in the group");
  verb.value("--to", "ID,...", s->to, "it sends to these alone");
  verb.value("-n,--count", "COUNT", s->count, "begin when so many processes are there").between(1, 1024);
  verb.choice("--format", "FORMAT", s->format,
              {{"tsv", cut::Format::tsv}, {"json", cut::Format::json}, {"maelstrom", cut::Format::maelstrom}},
              "tsv, json or maelstrom (tsv)");
  verb.value("-w,--wait", "SECONDS", s->patience, "give a snapshot up that is not answered (10)")
      .between(1ms, 24h);
  verb.value("--state", "CMD", s->state, "ask this shell command for the state: not exact")
      .completes(cli::Completion::command);
  verb.value("--log", "FILE", s->log, "the run, for dclock validate and dclock draw")
      .completes(cli::Completion::file);
  verb.flag("--line-buffered", s->line_buffered, "COMMAND's output is not held back (stdbuf -oL)");
  verb.flag("-0,--null", s->null, "lines end with a null byte");
  verb.flag("--strict", s->strict, "status 65 if a line could not be sent");
  verb.operand("GROUP", s->group, "name of the group");
  verb.command(s->command);
  verb.example("dsnapshot run bank --id P1 -n 5 -- ./teller.sh", "reads FROM<TAB>text, writes TO<TAB>text");
  verb.example("dsnapshot run bank --id P2 -- python3 -u teller.py", "no answer? its output is buffered");
  verb.does([s] { return run(*s); });
}

}  // namespace coord::dsnapshot
