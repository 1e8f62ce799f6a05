// SPDX-License-Identifier: MIT
// dkv: a small replicated map of keys to values, for scripts: configuration, and results handed over.
#include "cli/common.hpp"
#include "cli/names.hpp"
#include "cli/run.hpp"
#include "cli_app/read_by_app.hpp"
#include "dkv/settings.hpp"

namespace {

using namespace coord;

Error usage(std::string object, std::string what, std::string remedy) {
  return Error{ErrorKind::usage, std::move(object), std::move(what), std::move(remedy)};
}

// A key is one name, whatever is in it: it is no list.
Status check(const dkv::Settings& settings) {
  if (Status good = cli::check_name(settings.key); !good) return good.error();
  if (settings.session && settings.native)
    return usage("--session", "not with --native: such keys are no session's", "leave one of the two out");
  if (settings.session && settings.command.argv.empty())
    return usage("--session", "its command is missing", "give it after --");
  if (!settings.session && !settings.command.argv.empty())
    return usage("--", "a command is run with --session only", "add --session before it");
  if (settings.grace && lease::is_too_long_a_grace(*settings.grace, settings.ttl))
    return usage("--grace", "more than 0.4 of the TTL", "give a shorter grace or a longer --ttl");
  return done();
}

cli::Options::Action checked(dkv::Settings& settings, Result<cli::Exit> (*act)(const dkv::Settings&)) {
  return [&settings, act]() -> Result<cli::Exit> {
    if (Status good = check(settings); !good) return good.error();
    return act(settings);
  };
}

// Keys that are there, as far as this host's peer knows; those that need an escape are left out.
constexpr const char* live_keys =
    "dkv --no-autostart --json list --stale | sed -n 's/^{\"schema\":1,\"key\":\"\\([^\"\\\\]*\\)\".*/\\1/p'";

void add_condition(cli::Options& verb, dkv::Settings& settings) {
  verb.value("--if-version", "V", settings.if_version, "only if that is the key's version; else status 1")
      .between(1, (std::int64_t{1} << 53) - 1)
      .excludes("--if-absent");
}

void add_put(cli::Options& options, dkv::Settings& settings) {
  cli::Options& put = options.verb("put", "sets KEY to VALUE, or to standard input");
  put.synopsis("KEY [VALUE|-] [--if-version V | --if-absent] [--session -- COMMAND [ARG...]]");
  add_condition(put, settings);
  put.flag("--if-absent", settings.if_absent, "only if there is no such key; else status 1");
  put.flag("--session", settings.session, "the key is there while COMMAND runs, and no longer");
  put.value("--ttl", "SECONDS", settings.ttl, "lease: how soon the key goes after this host is lost (10)")
      .between(std::chrono::seconds(1), std::chrono::seconds(3600))
      .needs("--session");
  put.value("--grace", "SECONDS", settings.grace, "from TERM to KILL when the session is lost (0.3 of TTL)")
      .between(Duration{}, std::chrono::seconds(3600))
      .needs("--session");
  put.value("--report", "FILE", settings.report, "one line of JSON about the run")
      .completes(cli::Completion::file)
      .needs("--session");
  put.operand("KEY", settings.key, "a name");
  put.operand_completes_from(live_keys);
  put.operands("VALUE", settings.value, 0, 1, "at most 64 KiB");
  put.command_after_dashes(settings.command);
  put.example("dkv put release/current 1.4.2", "");
  put.example("dkv put --if-absent job/today - <result", "the first one wins");
  put.example("dkv put node/$HOSTNAME up --session -- daemon", "there as long as the daemon runs");
  put.does(checked(settings, dkv::put));
}

}  // namespace

int main(int argc, char** argv) {
  dkv::Settings settings;
  cli::Options options("dkv", "a small replicated map of keys to values");
  options.synopsis("put KEY [VALUE|-] [--if-version V|--if-absent] [--session -- COMMAND]");
  options.synopsis("get KEY | rm KEY [--if-version V] | list [PREFIX] | watch KEY");
  options.flag("--json", settings.json, "one JSON record a line");
  options.flag("-q,--quiet", settings.quiet, "say nothing that is not an error");
  options.flag("--native", settings.native, "the engine's own keys, as its other clients see them")
      .excludes("--stale")
      .minor();
  options.flag("--stale", settings.stale, "get, list: local knowledge, even without a quorum").minor();
  cli::add_peer_options(options, settings.peer);
  add_put(options, settings);
  options.example("dkv put release/current 1.4.2", "on one host");
  options.example("dkv get release/current", "on any other");

  cli::Options& get = options.verb("get", "writes the value of KEY to stdout, byte for byte");
  get.operand("KEY", settings.key, "a name");
  get.operand_completes_from(live_keys);
  get.example("dkv get release/current", "status 1 if there is no such key");
  get.does(checked(settings, dkv::get));

  cli::Options& rm = options.verb("rm", "removes KEY");
  add_condition(rm, settings);
  rm.operand("KEY", settings.key, "a name");
  rm.operand_completes_from(live_keys);
  rm.example("dkv rm job/today", "status 1 if there is no such key");
  rm.does(checked(settings, dkv::remove));

  cli::Options& list = options.verb("list", "the keys, those that begin with PREFIX");
  std::vector<std::string> prefix;
  list.operands("PREFIX", prefix, 0, 1, "how they begin");
  list.example("dkv list node/", "");
  list.does([&] {
    if (!prefix.empty()) settings.key = prefix.front();
    return dkv::list(settings);
  });

  cli::Options& watch = options.verb("watch", "the version and value of KEY, now and at every change");
  watch.operand("KEY", settings.key, "a name");
  watch.operand_completes_from(live_keys);
  watch.example("dkv watch release/current | while read -r version value; do ...; done", "");
  watch.does(checked(settings, dkv::watch));
  return cli::run(argc, argv, options, cli::read_by_app);
}
