// SPDX-License-Identifier: MIT
// dcast --answer NAME -- COMMAND: runs it for each question, one after the other; what it
// prints is the answer.
#include <unistd.h>

#include <array>

#include "base/format.hpp"
#include "cli/json.hpp"
#include "cli/names.hpp"
#include "cli/run.hpp"
#include "dcast/running.hpp"
#include "dcast/settings.hpp"
#include "process/boot_time.hpp"

namespace coord::dcast {

namespace {

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "localhost";
  return name.data();
}

class Answerer {
 public:
  explicit Answerer(const Settings& settings) : settings_(settings) {}

  Followed::Took take(const casts::ToTool& told) {
    if (std::holds_alternative<casts::Listening>(told) && settings_.json)
      cli::print(cli::JsonObject().text("event", "answering").name("name", settings_.name).line());
    const auto* question = std::get_if<casts::Question>(&told);
    if (question == nullptr) return {};
    // It came while the command ran for another one, and nobody waits for it any more.
    if (process::boot_now() >= question->until) return {casts::Reply{question->id, {}}, {}};
    auto own = answer_to(*question);
    if (!own) return {{}, own.error()};
    if (!*own) return {{}, *ended_};
    Followed::Took took{casts::Reply{question->id, std::move(**own)}, {}};
    if (++answered_ == settings_.count) took.end = cli::Exit::done;
    return took;
  }

 private:
  // Nothing: the command cannot be executed, or was ended by a user.
  Result<std::optional<casts::AnswerText>> answer_to(const casts::Question& question) {
    auto output = Output::make();
    if (!output) return output.error();
    auto ran = run(settings_.command, question.id, question.letter, question.until, &*output);
    if (!ran) return ran.error();
    if (auto* error = std::get_if<cli::SpawnError>(&*ran)) {
      cli::complain("dcast", error->error);
      ended_ = error->exit;
      return std::optional<casts::AnswerText>();
    }
    const auto& outcome = std::get<cli::Outcome>(*ran);
    if (ends_all(outcome)) {
      ended_ = outcome.exit();
      return std::optional<casts::AnswerText>();
    }
    auto text = output->read();
    if (!text) return text.error();
    casts::AnswerText answer{host_name(), static_cast<std::int32_t>(outcome.exit()), {}};
    if (*text) {
      answer.text = std::move(**text);
    } else {
      answer.status = static_cast<std::int32_t>(cli::Exit::data);
      if (!settings_.quiet)
        cli::notice("dcast",
                    fmt::format("{}: an answer is longer than 16 KiB: it is not given, with status 65",
                                cli::shown(settings_.name)));
    }
    return std::optional(std::move(answer));
  }

  const Settings& settings_;
  std::uint64_t answered_ = 0;
  std::optional<cli::Exit> ended_;
};

}  // namespace

Result<cli::Exit> answer(const Settings& settings) {
  Answerer answerer(settings);
  return follow(settings, {[&] { return casts::Answer{settings.name}; },
                           [&](const casts::ToTool& told) { return answerer.take(told); }});
}

}  // namespace coord::dcast
