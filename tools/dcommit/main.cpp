// SPDX-License-Identifier: MIT
// dcommit: started on each host, all commit or all abort.
#include <chrono>

#include "cli/common.hpp"
#include "cli/names.hpp"
#include "cli/run.hpp"
#include "cli_app/read_by_app.hpp"
#include "dcommit/settings.hpp"

namespace {

using namespace coord;

constexpr std::int64_t most_participants = 256;  // the service's bound
constexpr std::size_t longest_id = 255;          //

Error usage(std::string option, std::string what, std::string remedy) {
  return Error{ErrorKind::usage, std::move(option), std::move(what), std::move(remedy)};
}

// What can happen, in words, before it does.
Status check_protocol(const dcommit::Settings& settings) {
  using service::CommitBy;
  if (settings.bound && settings.protocol != CommitBy::three_phase)
    return usage("--bound", "it is of --protocol 3pc", "leave it out");
  if (settings.i_know || settings.protocol == CommitBy::majority) return done();
  if (settings.protocol == CommitBy::two_phase)
    return usage("--protocol 2pc",
                 "if the host of the participant that began is lost after the votes, all that have said yes "
                 "wait for it, and may neither commit nor abort",
                 "give --i-know, or leave --protocol out");
  return usage("--protocol 3pc",
               "if a message takes longer than --bound, or the hosts are cut off from each other, one host "
               "may commit and another one abort",
               "give --i-know, or leave --protocol out");
}

Status check(const dcommit::Settings& settings) {
  if (!settings.count) return usage("-n", "how many participants is not said", "give -n COUNT");
  if (settings.prepare.empty())
    return usage("--prepare", "it is missing", "give a command that can still be undone");
  if (settings.commit.empty())
    return usage("--commit", "it is missing", "give a command that makes it final");
  if (settings.abort.empty())
    return usage("--abort", "it is missing", "give a command that undoes --prepare");
  if (settings.id.size() > longest_id)
    return usage("--id", "an id has at most 255 bytes", "give a shorter one");
  return check_protocol(settings);
}

// A name is one name, whatever is in it: it is no list.
Result<cli::Exit> act(dcommit::Settings& settings, const std::vector<std::string>& operands) {
  if (!operands.empty()) settings.name = operands.front();
  if (settings.mode == dcommit::Mode::list) return dcommit::list(settings);
  if (Status good = cli::check_name(settings.name); !good) return good.error();
  if (settings.mode == dcommit::Mode::status) return dcommit::show_status(settings);
  if (settings.mode == dcommit::Mode::forget) return dcommit::forget(settings);
  if (Status good = check(settings); !good) return good.error();
  return dcommit::take_part(settings);
}

// Transactions, as far as this host's peer knows; those that need an escape are left out.
constexpr const char* live_names =
    "dcommit --no-autostart --json --list --stale | sed -n "
    "'s/^{\"schema\":1,\"name\":\"\\([^\"\\\\]*\\)\".*/\\1/p'";

}  // namespace

int main(int argc, char** argv) {
  dcommit::Settings settings;
  std::vector<std::string> operands;
  cli::Options options("dcommit", "on all of COUNT hosts, or on none");
  options.synopsis("NAME -n COUNT --prepare CMD --commit CMD --abort CMD [options]");
  options.synopsis("--status NAME | --list [PREFIX] | --forget NAME");
  options.value("-n,--count", "COUNT", settings.count, "participants")
      .between(1, most_participants)
      .without_mode();
  options.value("--prepare", "CMD", settings.prepare, "prepares; status 0 is a yes").without_mode();
  options.value("--commit", "CMD", settings.commit, "run when all have said yes, until it succeeds")
      .without_mode();
  options.value("--abort", "CMD", settings.abort, "undoes --prepare, until it succeeds").without_mode();
  options.value("--id", "ID", settings.id, "this participant's name (the host's)").without_mode();
  options
      .value("-w,--timeout,--wait", "SECONDS", settings.wait,
             "wait for the others at most so long, then abort")
      .between(Duration{}, std::chrono::hours(24 * 365))
      .without_mode();
  options
      .choice("--protocol", "PROTOCOL", settings.protocol,
              {{"majority", service::CommitBy::majority},
               {"2pc", service::CommitBy::two_phase},
               {"3pc", service::CommitBy::three_phase}},
              "settle it by the group, or by the participants' hosts")
      .without_mode();
  options.flag("--i-know", settings.i_know, "accept the risks of 2pc, 3pc; --forget: open participants too");
  options
      .value("--bound", "SECONDS", settings.bound,
             "of 3pc: no message takes longer (1); the first one's counts")
      .between(std::chrono::milliseconds(10), std::chrono::hours(1))
      .without_mode()
      .minor();
  options.value("--log", "FILE", settings.log, "write the events of this host to FILE, for dclock")
      .completes(cli::Completion::file)
      .without_mode()
      .needs("--protocol")
      .minor();
  options.value("--report", "FILE", settings.report, "one line of JSON: also the messages that it took")
      .completes(cli::Completion::file)
      .without_mode();
  options.mode("--status", settings.mode, dcommit::Mode::status, "show votes and outstanding participants")
      .operands(1, 1);
  options.mode("--list", settings.mode, dcommit::Mode::list, "show all transactions").operands(0, 1);
  options.mode("--forget", settings.mode, dcommit::Mode::forget, "NAME, which is decided, may begin anew")
      .operands(1, 1);
  options.flag("--json", settings.json, "one JSON record a line");
  options.flag("--stale", settings.stale, "show local knowledge, also without a quorum")
      .only_with({"--status", "--list"});
  options.flag("-q,--quiet", settings.quiet, "print errors only");
  cli::add_peer_options(options, settings.peer);
  options.operands("NAME", operands, 1, 1, "the transaction");
  options.operand_completes_from(live_names);
  options.example("dcommit deploy-1.4.2 -n 3 --prepare ./fetch --commit ./switch --abort ./clean",
                  "the same line on three hosts");
  options.example("dcommit --status deploy-1.4.2", "outstanding participants");
  options.does([&] { return act(settings, operands); });
  return cli::run(argc, argv, options, cli::read_by_app);
}
