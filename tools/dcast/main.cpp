// SPDX-License-Identifier: MIT
// dcast: a message to all hosts of the group, soon.
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>

#include "cli/common.hpp"
#include "cli/names.hpp"
#include "cli/run.hpp"
#include "cli_app/read_by_app.hpp"
#include "dcast/settings.hpp"

namespace {

using namespace coord;

Error usage(std::string object, std::string what, std::string remedy) {
  return Error{ErrorKind::usage, std::move(object), std::move(what), std::move(remedy)};
}

Result<std::string> read_stdin() {
  std::string text;
  char buffer[4096];
  while (text.size() <= casts::longest_payload) {
    const ssize_t count = ::read(STDIN_FILENO, buffer, sizeof buffer);
    if (count == 0) break;
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Error{ErrorKind::data, "standard input", std::strerror(errno), "give PAYLOAD"};
    text.append(buffer, static_cast<std::size_t>(count));
  }
  return text;
}

// What is cast, or asked: as it stands, or what stdin says. `dcast NAME -- PAYLOAD` is one that begins with
// '-'.
Result<std::string> payload(const dcast::Settings& settings, const std::vector<std::string>& operands) {
  const std::vector<std::string>& marked = settings.command.argv;
  if (operands.size() > 1 && !marked.empty())
    return usage("--", "a command is run with --listen and --answer only", "add one of them before NAME");
  if (marked.size() > 1) return usage(cli::shown(marked[1]), "is one operand too many", "quote the payload");
  std::string given = operands.size() > 1 ? operands[1] : marked.empty() ? "" : marked.front();
  auto read = given == "-" && marked.empty() ? read_stdin() : Result<std::string>(std::move(given));
  if (read && read->size() > casts::longest_payload)
    return usage(cli::shown(settings.name), "the payload is longer than 64 KiB",
                 "keep it in a file, and cast its name");
  return read;
}

Result<cli::Exit> say(dcast::Settings& settings, const std::vector<std::string>& operands) {
  if (operands.size() < 2 && settings.command.argv.empty() && settings.mode == dcast::Mode::say)
    return usage("PAYLOAD", "is missing", "give it behind NAME, or - for standard input");
  auto read = payload(settings, operands);
  if (!read) return read.error();
  settings.payload = std::move(*read);
  return settings.mode == dcast::Mode::ask ? dcast::ask(settings) : dcast::say(settings);
}

// A name is one name, whatever is in it: it is no list.
Result<cli::Exit> act(dcast::Settings& settings, const std::vector<std::string>& operands) {
  settings.name = operands.front();
  if (Status good = cli::check_name(settings.name); !good) return good.error();
  switch (settings.mode) {
    case dcast::Mode::listen:
      if (settings.json && !settings.command.argv.empty())
        return usage("--json", "a command is given the payload itself", "leave one of them out");
      return dcast::listen(settings);
    case dcast::Mode::answer:
      if (settings.command.argv.empty())
        return usage("--answer", "its command is missing", "give it after --");
      return dcast::answer(settings);
    case dcast::Mode::say:
    case dcast::Mode::ask:
      break;
  }
  return say(settings, operands);
}

}  // namespace

int main(int argc, char** argv) {
  dcast::Settings settings;
  std::vector<std::string> operands;
  cli::Options options("dcast", "a message to all hosts of the group, at most once to each listener");
  options.synopsis("[options] NAME PAYLOAD|-", "cast it to all listeners of NAME, on any host");
  options.synopsis("--listen NAME [--causal] [--count N] [-- COMMAND [ARG...]]",
                   "a line, or a command, for each");
  options.synopsis("--ask NAME [QUERY|-] [--reduce HOW] | --answer NAME -- COMMAND [ARG...]");
  options
      .value("-w,--timeout,--wait", "SECONDS", settings.wait,
             "at most so long until another host has it; --ask: for answers (10)")
      .between(Duration{}, std::chrono::hours(24))
      .without_mode({"--ask"});
  options.mode("--listen", settings.mode, dcast::Mode::listen, "print casts to NAME, from now on")
      .operands(1, 1);
  options.mode("--ask", settings.mode, dcast::Mode::ask, "ask all answerers of NAME").operands(1, 2);
  options.mode("--answer", settings.mode, dcast::Mode::answer, "COMMAND's output is this host's answer")
      .operands(1, 1);
  options
      .choice("--reduce", "HOW", settings.reduce,
              {{"list", dcast::Reduce::list},
               {"sum", dcast::Reduce::sum},
               {"min", dcast::Reduce::min},
               {"max", dcast::Reduce::max},
               {"count", dcast::Reduce::count}},
              "how to combine the answers (list)")
      .only_with({"--ask"});
  options.flag("--causal", settings.causal, "deliver in causal order").only_with({"--listen"});
  options.value("--count", "N", settings.count, "end after so many casts")
      .between(1, 1'000'000'000)
      .only_with({"--listen", "--answer"});
  options.flag("--json", settings.json, "one JSON record a line");
  options.flag("-q,--quiet", settings.quiet, "print errors only");
  cli::add_peer_options(options, settings.peer);
  options.operands("NAME PAYLOAD", operands, 1, 2, "a name, and at most 64 KiB; -: from stdin");
  options.command_after_dashes(settings.command);
  options.example("dcast --listen deploy -- ./pull-and-restart", "on every host");
  options.example("dcast deploy 1.4.2", "on any of them");
  options.example("dcast --answer load -- cut -d' ' -f1 /proc/loadavg", "on every host");
  options.example("dcast --ask load --reduce max", "on any of them");
  options.does([&] { return act(settings, operands); });
  return cli::run(argc, argv, options, cli::read_by_app);
}
