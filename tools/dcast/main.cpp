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

// `dcast NAME -- PAYLOAD` is one that begins with '-'.
Result<cli::Exit> say(dcast::Settings& settings, std::vector<std::string> operands) {
  const bool is_marked = operands.size() == 1 && settings.command.argv.size() == 1;
  if (is_marked) operands.push_back(settings.command.argv.front());
  if (operands.size() < 2)
    return usage("PAYLOAD", "is missing", "give it behind NAME, or - for standard input");
  if (!is_marked && !settings.command.argv.empty())
    return usage("--", "a command is run with --listen only", "add --listen before NAME");
  auto read = operands[1] == "-" && !is_marked ? read_stdin() : Result<std::string>(operands[1]);
  if (!read) return read.error();
  if (read->size() > casts::longest_payload)
    return usage(cli::shown(settings.name), "its payload is longer than 64 KiB",
                 "keep it in a file, and cast its name");
  settings.payload = std::move(*read);
  return dcast::say(settings);
}

// A name is one name, whatever is in it: it is no list.
Result<cli::Exit> act(dcast::Settings& settings, const std::vector<std::string>& operands) {
  settings.name = operands.front();
  if (Status good = cli::check_name(settings.name); !good) return good.error();
  if (settings.mode == dcast::Mode::listen) {
    if (settings.json && !settings.command.argv.empty())
      return usage("--json", "a command is given the payload itself", "leave one of them out");
    return dcast::listen(settings);
  }
  return say(settings, operands);
}

}  // namespace

int main(int argc, char** argv) {
  dcast::Settings settings;
  std::vector<std::string> operands;
  cli::Options options("dcast", "a message to all hosts of the group, at most once to each listener");
  options.synopsis("[options] NAME PAYLOAD|-", "cast it to all who listen to NAME, on any host");
  options.synopsis("--listen NAME [--causal] [--count N] [-- COMMAND [ARG...]]",
                   "a line, or a command, for each");
  options
      .value("-w,--timeout,--wait", "SECONDS", settings.wait,
             "wait at most so long until another host has it")
      .between(Duration{}, std::chrono::hours(24 * 365))
      .without_mode();
  options.mode("--listen", settings.mode, dcast::Mode::listen, "hear what is cast to NAME from now on")
      .operands(1, 1);
  options.flag("--causal", settings.causal, "each behind what its sender had heard before")
      .only_with({"--listen"});
  options.value("--count", "N", settings.count, "end after so many casts")
      .between(1, 1'000'000'000)
      .only_with({"--listen"});
  options.flag("--json", settings.json, "one JSON record a line");
  options.flag("-q,--quiet", settings.quiet, "print errors only");
  cli::add_peer_options(options, settings.peer);
  options.operands("NAME PAYLOAD", operands, 1, 2, "a name, and at most 64 KiB; -: what stdin says");
  options.command_after_dashes(settings.command);
  options.example("dcast --listen deploy -- ./pull-and-restart", "on every host");
  options.example("dcast deploy 1.4.2", "on any of them");
  options.example("dcast --listen deploy --count 1", "until it was cast once");
  options.does([&] { return act(settings, operands); });
  return cli::run(argc, argv, options, cli::read_by_app);
}
