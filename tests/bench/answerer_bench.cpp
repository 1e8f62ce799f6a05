// SPDX-License-Identifier: MIT
// usage: answerer_bench: a process of `dsnapshot run` that only says what its state is, and costs nothing
// itself (scripts/bench-dsnapshot).
#include <cstdio>
#include <iostream>
#include <string>
#include <string_view>

int main() {
  constexpr std::string_view question = "!snapshot ";
  std::ios::sync_with_stdio(false);
  for (std::string line; std::getline(std::cin, line);) {
    if (!line.starts_with(question)) continue;
    const std::string answer = "!state " + line.substr(question.size()) + " idle\n";
    std::fwrite(answer.data(), 1, answer.size(), stdout);
    std::fflush(stdout);
  }
  return 0;
}
