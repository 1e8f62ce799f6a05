// SPDX-License-Identifier: MIT
// dpropose: one value a name, the same for all who ask, whoever proposed what.
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>

#include "cli/common.hpp"
#include "cli/names.hpp"
#include "cli/run.hpp"
#include "cli_app/read_by_app.hpp"
#include "dpropose/settings.hpp"

namespace {

using namespace coord;

constexpr std::size_t longest_value = 64U << 10U;  // the service's bound

Result<std::string> read_stdin() {
  std::string text;
  char buffer[4096];
  while (text.size() <= longest_value) {
    const ssize_t count = ::read(STDIN_FILENO, buffer, sizeof buffer);
    if (count == 0) break;
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Error{ErrorKind::data, "standard input", std::strerror(errno), "give VALUE"};
    text.append(buffer, static_cast<std::size_t>(count));
  }
  return text;
}

Result<cli::Exit> propose(dpropose::Settings& settings, const std::string& value) {
  settings.as_it_is = value == "-";
  auto read = settings.as_it_is ? read_stdin() : Result<std::string>(value);
  if (!read) return read.error();
  if (read->size() > longest_value)
    return Error{ErrorKind::usage, cli::shown(settings.name), "its value is longer than 64 KiB",
                 "keep it in a file, and propose its name"};
  if (settings.algorithm == service::Agreement::exchange && !settings.i_know)
    return Error{ErrorKind::usage, "--algorithm exchange",
                 "with two proposers two values may be decided: it shows why Paxos asks first",
                 "add --i-know, or use --algorithm paxos"};
  if (!settings.among.empty() && settings.algorithm == service::Agreement::raft)
    return Error{ErrorKind::usage, "--among", "raft's sites are the group's voters",
                 "give another --algorithm"};
  if (settings.trace && settings.algorithm == service::Agreement::raft)
    return Error{ErrorKind::usage, "--trace", "raft's steps are the group's own", "give another --algorithm"};
  if (settings.algorithm == service::Agreement::ben_or && *read != "0" && *read != "1")
    return Error{ErrorKind::usage, cli::shown(settings.name), "--algorithm ben-or decides on a bit",
                 "give 0 or 1 as VALUE"};
  settings.value = std::move(*read);
  return dpropose::propose(settings);
}

Result<cli::Exit> get(dpropose::Settings& settings, const std::vector<std::string>& operands) {
  if (operands.size() > 1 && operands[1] != "-")
    return Error{ErrorKind::usage, "--get", "more than a name was given", "leave VALUE out, or give -"};
  settings.as_it_is = operands.size() > 1;
  return dpropose::get(settings);
}

// A name is one name, whatever is in it: it is no list.
Result<cli::Exit> act(dpropose::Settings& settings, const std::vector<std::string>& operands) {
  if (!operands.empty()) settings.name = operands.front();
  if (settings.mode == dpropose::Mode::list) return dpropose::list(settings);
  if (Status good = cli::check_name(settings.name); !good) return good.error();
  if (settings.mode == dpropose::Mode::get) return get(settings, operands);
  if (settings.mode == dpropose::Mode::forget) return dpropose::forget(settings);
  return propose(settings, operands[1]);
}

// Names that are decided, as far as this host's peer knows; those that need an escape are left out.
constexpr const char* live_names =
    "dpropose --no-autostart --json --list --stale | sed -n "
    "'s/^{\"schema\":1,\"name\":\"\\([^\"\\\\]*\\)\".*/\\1/p'";

}  // namespace

int main(int argc, char** argv) {
  dpropose::Settings settings;
  std::vector<std::string> operands;
  cli::Options options("dpropose", "agree on one value a name, on any hosts");
  options.synopsis("[options] NAME VALUE|-", "propose; prints the value that was decided");
  options.synopsis("--get NAME | --list [PREFIX] | --forget NAME");
  options.flag("-n,--nonblock,--nb", settings.no_wait, "do not wait for a quorum: 69")
      .excludes("--timeout")
      .without_mode();
  options.value("-w,--timeout,--wait", "SECONDS", settings.wait, "wait for a quorum at most so long")
      .between(Duration{}, std::chrono::hours(24 * 365))
      .without_mode();
  options
      .choice("--algorithm", "ALGORITHM", settings.algorithm,
              {{"raft", service::Agreement::raft},
               {"paxos", service::Agreement::paxos},
               {"multi-paxos", service::Agreement::multi_paxos},
               {"ben-or", service::Agreement::ben_or},
               {"pbft", service::Agreement::pbft},
               {"exchange", service::Agreement::exchange}},
              "by the group's log, or among its voters as they are at first")
      .without_mode();
  options.value("--among", "HOST,...", settings.among, "the sites: these voters, in place of all")
      .without_mode()
      .needs("--algorithm")
      .minor();
  options.flag("--trace", settings.trace, "the algorithm's messages here, with their times").without_mode();
  options.flag("--i-know", settings.i_know, "accept that exchange promises nothing").without_mode().minor();
  options.value("--log", "FILE", settings.log, "write the events of this host's site to FILE, for dclock")
      .completes(cli::Completion::file)
      .without_mode()
      .needs("--algorithm")
      .minor();
  options.value("--report", "FILE", settings.report, "one line of JSON: also whether VALUE won")
      .completes(cli::Completion::file)
      .without_mode();
  options.mode("--get", settings.mode, dpropose::Mode::get, "print the value; 1 if nothing is decided")
      .operands(1, 2);
  options.mode("--list", settings.mode, dpropose::Mode::list, "show all that is decided").operands(0, 1);
  options
      .mode("--forget", settings.mode, dpropose::Mode::forget,
            "NAME may be decided anew; proposals made before end with 3")
      .operands(1, 1);
  options.flag("--json", settings.json, "one JSON record a line");
  options.flag("--stale", settings.stale, "show local knowledge, also without a quorum")
      .only_with({"--get", "--list"});
  options.flag("-q,--quiet", settings.quiet, "print errors only");
  cli::add_peer_options(options, settings.peer);
  options.operands("NAME VALUE", operands, 2, 2, "a name, and at most 64 KiB; -: from stdin");
  options.operand_completes_from(live_names);
  options.example("plan=$(dpropose plan/42 \"$HOSTNAME\")", "the same on all hosts");
  options.example("dpropose release - <manifest", "byte for byte");
  options.example("dpropose --get plan/42", "status 1 if nothing is decided");
  options.does([&] { return act(settings, operands); });
  return cli::run(argc, argv, options, cli::read_by_app);
}
