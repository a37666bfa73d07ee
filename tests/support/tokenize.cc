// tokenize FOLDER: the ids that a tokenizer folder gives, for tests that compare them with
// transformers. Reads lines of one JSON string each, writes a line {"ids": [...], "truncated": n}

#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "model/text/clip_tokenizer.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: tokenize FOLDER < lines of JSON strings\n";
    return 2;
  }
  const auto tokenizer = darkroom::ClipTokenizer::Load(argv[1]);
  if (!tokenizer.ok()) {
    std::cerr << tokenizer.status() << "\n";
    return 3;
  }
  for (std::string line; std::getline(std::cin, line);) {
    const auto text = nlohmann::json::parse(line).get<std::string>();
    const darkroom::ClipTokenizer::Tokens tokens = tokenizer->Encode(text);
    std::cout << nlohmann::json{{"ids", tokens.ids}, {"truncated", tokens.truncated}} << "\n";
  }
  return 0;
}
