<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="zh_CN" sourcelanguage="en">
  <context>
    <name>yanmo</name>
    <message>
      <source>A context of {0} tokens did not fit beside the weights.</source>
      <translation>权重之外放不下 {0} 词元的上下文。</translation>
    </message>
    <message>
      <source>A context of {0} tokens for embeddings did not fit beside the weights.</source>
      <translation>在权重之外，放不下用于嵌入的 {0} 个词元的上下文。</translation>
    </message>
    <message>
      <source>A context of {0} tokens needs {1} GB, and this machine has {2} GB.</source>
      <translation>{0} 词元的上下文需要 {1} GB，而本机有 {2} GB。</translation>
    </message>
    <message>
      <source>A copy of all conversations is made daily and before every upgrade; seven are kept.</source>
      <translation>每天以及每次升级前都会复制全部对话，保留七份。</translation>
    </message>
    <message>
      <source>A message has the role {0}.</source>
      <translation>有一条消息的角色是 {0}。</translation>
    </message>
    <message>
      <source>A message is in the state {0}.</source>
      <translation>有一条消息的状态是 {0}。</translation>
    </message>
    <message>
      <source>A message names a file outside the export.</source>
      <translation>有一条消息提到了导出文件之外的文件。</translation>
    </message>
    <message>
      <source>A message names a file that is not in the export.</source>
      <translation>有一条消息提到了导出文件中没有的文件。</translation>
    </message>
    <message>
      <source>A model named {0} is already there.</source>
      <translation>已经有名为 {0} 的模型。</translation>
    </message>
    <message>
      <source>A reply did not end in time.</source>
      <translation>有一条回复没有及时结束。</translation>
    </message>
    <message>
      <source>A reply is still being written in this conversation.</source>
      <translation>这个对话里还有一条回复正在写。</translation>
    </message>
    <message>
      <source>A small model of the same family that guesses ahead: its id or path; the text stays the same</source>
      <translation>同一系列、用于提前猜测的小模型：其 id 或路径；文本保持不变</translation>
    </message>
    <message>
      <source>A text claims to be {0} bytes long.</source>
      <translation>有一段文本声称长 {0} 字节。</translation>
    </message>
    <message>
      <source>About</source>
      <translation>关于</translation>
    </message>
    <message>
      <source>Above 1 makes tokens that were just used less likely.</source>
      <translation>大于 1 时，刚用过的词元更不容易再出现。</translation>
    </message>
    <message>
      <source>Add a GGUF file</source>
      <translation>添加 GGUF 文件</translation>
    </message>
    <message>
      <source>Add a GGUF file…</source>
      <translation>添加 GGUF 文件…</translation>
    </message>
    <message>
      <source>An attachment is damaged: its SHA-256 differs.</source>
      <translation>有一个附件已损坏：SHA-256 不符。</translation>
    </message>
    <message>
      <source>An attachment is not base64.</source>
      <translation>有一个附件不是 base64。</translation>
    </message>
    <message>
      <source>An error has no code.</source>
      <translation>有一个错误没有代码。</translation>
    </message>
    <message>
      <source>An id is missing or broken.</source>
      <translation>编号缺失或有误。</translation>
    </message>
    <message>
      <source>An older Yanmo wrote the database: open Yanmo once, so that it is brought up to date.</source>
      <translation>数据库由较早的研墨写成：请打开一次研墨，让它更新。</translation>
    </message>
    <message>
      <source>An option is not a number.</source>
      <translation>有一个选项不是数字。</translation>
    </message>
    <message>
      <source>An unexpected error; the log has it.</source>
      <translation>意外的错误；日志里有记录。</translation>
    </message>
    <message>
      <source>Another Yanmo (process {pid}) uses {folder}.</source>
      <translation>另一个研墨(进程 {pid})正在使用 {folder}。</translation>
    </message>
    <message>
      <source>Appearance</source>
      <translation>外观</translation>
    </message>
    <message>
      <source>Architecture</source>
      <translation>架构</translation>
    </message>
    <message>
      <source>Archive</source>
      <translation>归档</translation>
    </message>
    <message>
      <source>Archived</source>
      <translation>已归档</translation>
    </message>
    <message>
      <source>As text it is larger than {0} MB.</source>
      <translation>作为文本它大于 {0} MB。</translation>
    </message>
    <message>
      <source>As the system</source>
      <translation>跟随系统</translation>
    </message>
    <message>
      <source>Assistant</source>
      <translation>助手</translation>
    </message>
    <message>
      <source>Attach files</source>
      <translation>添加附件</translation>
    </message>
    <message>
      <source>Audio</source>
      <translation>音频</translation>
    </message>
    <message>
      <source>Back to the conversations</source>
      <translation>返回对话列表</translation>
    </message>
    <message>
      <source>Balanced</source>
      <translation>均衡</translation>
    </message>
    <message>
      <source>Batch size</source>
      <translation>批大小</translation>
    </message>
    <message>
      <source>Cancel (Esc)</source>
      <translation>取消 (Esc)</translation>
    </message>
    <message>
      <source>Cancel loading</source>
      <translation>取消加载</translation>
    </message>
    <message>
      <source>Change the value and try again.</source>
      <translation>请修改后重试。</translation>
    </message>
    <message>
      <source>Changes take effect when the model is loaded again.</source>
      <translation>重新加载模型后生效。</translation>
    </message>
    <message>
      <source>Chat</source>
      <translation>对话</translation>
    </message>
    <message>
      <source>Check the path, or list what is here with “yanmo models list”.</source>
      <translation>请检查路径，或用 “yanmo models list” 列出现有模型。</translation>
    </message>
    <message>
      <source>Choose a JSON file that Yanmo exported.</source>
      <translation>请选择由研墨导出的 JSON 文件。</translation>
    </message>
    <message>
      <source>Choose a file whose name ends in .gguf, or download the model again.</source>
      <translation>请选择以 .gguf 结尾的文件，或重新下载模型。</translation>
    </message>
    <message>
      <source>Choose a model</source>
      <translation>选择模型</translation>
    </message>
    <message>
      <source>Choose a model (Ctrl+M)</source>
      <translation>选择模型 (Ctrl+M)</translation>
    </message>
    <message>
      <source>Choose a model that can hear, or ask without the sound.</source>
      <translation>请选择能听声音的模型，或不带声音再问一次。</translation>
    </message>
    <message>
      <source>Choose a model that can see, or ask without the picture.</source>
      <translation>请选择能看图的模型，或不带图片再问一次。</translation>
    </message>
    <message>
      <source>Choose a model that was trained for it, such as Qwen Coder or StarCoder.</source>
      <translation>请选择为此训练过的模型，例如 Qwen Coder 或 StarCoder。</translation>
    </message>
    <message>
      <source>Choose a reranking model, such as one of the bge-reranker family.</source>
      <translation>请选择重排序模型，例如 bge-reranker 系列。</translation>
    </message>
    <message>
      <source>Choose a small model of the same family as draft model, or load the model without one.</source>
      <translation>请选择同一系列的小模型作草稿模型，或不用草稿模型加载。</translation>
    </message>
    <message>
      <source>Choose an adapter that was made for this model, or load the model without it.</source>
      <translation>请选择为这个模型制作的适配器，或不带适配器加载模型。</translation>
    </message>
    <message>
      <source>Choose another file.</source>
      <translation>请选择其他文件。</translation>
    </message>
    <message>
      <source>Choose another model</source>
      <translation>选择其他模型</translation>
    </message>
    <message>
      <source>Choose another port or address, or make a key first where others are to use it.</source>
      <translation>请换一个端口或地址；若要给别人用，请先创建密钥。</translation>
    </message>
    <message>
      <source>Choose the language model itself.</source>
      <translation>请选择语言模型本身。</translation>
    </message>
    <message>
      <source>Close</source>
      <translation>关闭</translation>
    </message>
    <message>
      <source>Code</source>
      <translation>代码</translation>
    </message>
    <message>
      <source>Command palette</source>
      <translation>命令面板</translation>
    </message>
    <message>
      <source>Commands</source>
      <translation>命令</translation>
    </message>
    <message>
      <source>Context</source>
      <translation>上下文</translation>
    </message>
    <message>
      <source>Context length</source>
      <translation>上下文长度</translation>
    </message>
    <message>
      <source>Context {held} of {trained} tokens</source>
      <translation>上下文 {held} / {trained} 词元</translation>
    </message>
    <message>
      <source>Continue</source>
      <translation>继续</translation>
    </message>
    <message>
      <source>Conversation</source>
      <translation>对话</translation>
    </message>
    <message>
      <source>Conversations</source>
      <translation>对话列表</translation>
    </message>
    <message>
      <source>Conversations and settings lie in {folder}</source>
      <translation>对话与设置保存在 {folder}</translation>
    </message>
    <message>
      <source>Conversations stay here for {days} days.</source>
      <translation>对话会在这里保留 {days} 天。</translation>
    </message>
    <message>
      <source>Copied</source>
      <translation>已复制</translation>
    </message>
    <message>
      <source>Copy</source>
      <translation>复制</translation>
    </message>
    <message>
      <source>Copy as JSON</source>
      <translation>复制为 JSON</translation>
    </message>
    <message>
      <source>Copy as Markdown</source>
      <translation>复制为 Markdown</translation>
    </message>
    <message>
      <source>Copy the last reply</source>
      <translation>复制上一条回复</translation>
    </message>
    <message>
      <source>Correct or simplify the JSON schema or the grammar, and try again.</source>
      <translation>请修正或简化 JSON Schema 或语法，然后重试。</translation>
    </message>
    <message>
      <source>Creative</source>
      <translation>创意</translation>
    </message>
    <message>
      <source>Cut at the limit</source>
      <translation>达到上限而截断</translation>
    </message>
    <message>
      <source>DRY allowed length</source>
      <translation>DRY 允许长度</translation>
    </message>
    <message>
      <source>DRY base</source>
      <translation>DRY 底数</translation>
    </message>
    <message>
      <source>DRY strength</source>
      <translation>DRY 强度</translation>
    </message>
    <message>
      <source>Dark</source>
      <translation>深色</translation>
    </message>
    <message>
      <source>Delete</source>
      <translation>删除</translation>
    </message>
    <message>
      <source>Delete for good? This cannot be undone.</source>
      <translation>彻底删除？此操作无法撤销。</translation>
    </message>
    <message>
      <source>Delete for good…</source>
      <translation>彻底删除…</translation>
    </message>
    <message>
      <source>Delete this conversation</source>
      <translation>删除此对话</translation>
    </message>
    <message>
      <source>Delete this preset</source>
      <translation>删除此预设</translation>
    </message>
    <message>
      <source>Details</source>
      <translation>详细信息</translation>
    </message>
    <message>
      <source>Deterministic</source>
      <translation>确定性</translation>
    </message>
    <message>
      <source>Draft model</source>
      <translation>草稿模型</translation>
    </message>
    <message>
      <source>Drops tokens less likely than this share of the likeliest one.</source>
      <translation>去掉概率低于最可能词元此比例的词元。</translation>
    </message>
    <message>
      <source>Edit and send again</source>
      <translation>编辑并重新发送</translation>
    </message>
    <message>
      <source>Edit reply</source>
      <translation>编辑回复</translation>
    </message>
    <message>
      <source>Edit the last message</source>
      <translation>编辑上一条消息</translation>
    </message>
    <message>
      <source>Editing the reply</source>
      <translation>正在编辑回复</translation>
    </message>
    <message>
      <source>Editing your message</source>
      <translation>正在编辑你的消息</translation>
    </message>
    <message>
      <source>Engine</source>
      <translation>引擎</translation>
    </message>
    <message>
      <source>Engine {backend} {version} on {device}</source>
      <translation>引擎 {backend} {version}，设备 {device}</translation>
    </message>
    <message>
      <source>Enter to send, Shift+Enter for a new line</source>
      <translation>回车发送，Shift+回车换行</translation>
    </message>
    <message>
      <source>Everything written so far is kept. Load the model again and go on.</source>
      <translation>已写出的内容全部保留。请重新加载模型后继续。</translation>
    </message>
    <message>
      <source>Experts on the CPU</source>
      <translation>留在 CPU 的专家层</translation>
    </message>
    <message>
      <source>Export</source>
      <translation>导出</translation>
    </message>
    <message>
      <source>Export everything</source>
      <translation>全部导出</translation>
    </message>
    <message>
      <source>Export everything…</source>
      <translation>全部导出…</translation>
    </message>
    <message>
      <source>Export this conversation as Markdown…</source>
      <translation>将此对话导出为 Markdown…</translation>
    </message>
    <message>
      <source>Exported to {file}</source>
      <translation>已导出到 {file}</translation>
    </message>
    <message>
      <source>Fewer settings</source>
      <translation>收起更多设置</translation>
    </message>
    <message>
      <source>First token</source>
      <translation>首词元</translation>
    </message>
    <message>
      <source>Flash attention</source>
      <translation>Flash attention</translation>
    </message>
    <message>
      <source>Forget the middle</source>
      <translation>忘掉中间部分</translation>
    </message>
    <message>
      <source>Free some space; nothing that was saved is lost.</source>
      <translation>请腾出一些空间；已保存的内容不会丢失。</translation>
    </message>
    <message>
      <source>Free the memory</source>
      <translation>释放内存</translation>
    </message>
    <message>
      <source>Frequency penalty</source>
      <translation>频率惩罚</translation>
    </message>
    <message>
      <source>GGUF models (*.gguf);;All files (*)</source>
      <translation>GGUF 模型 (*.gguf);;所有文件 (*)</translation>
    </message>
    <message>
      <source>GPU layers</source>
      <translation>GPU 层数</translation>
    </message>
    <message>
      <source>Go to the chat</source>
      <translation>转到对话</translation>
    </message>
    <message>
      <source>Go to the models</source>
      <translation>转到模型</translation>
    </message>
    <message>
      <source>Go to the settings</source>
      <translation>转到设置</translation>
    </message>
    <message>
      <source>Guess ahead from the text</source>
      <translation>按原文提前猜测</translation>
    </message>
    <message>
      <source>Guessed ahead</source>
      <translation>提前猜测</translation>
    </message>
    <message>
      <source>Hide the list</source>
      <translation>隐藏列表</translation>
    </message>
    <message>
      <source>Higher is more varied, 0 always takes the likeliest token.</source>
      <translation>越高越多样，0 总是取最可能的词元。</translation>
    </message>
    <message>
      <source>How do I download a larger model?</source>
      <translation>怎样下载更大的模型？</translation>
    </message>
    <message>
      <source>How fast Mirostat corrects.</source>
      <translation>Mirostat 修正的快慢。</translation>
    </message>
    <message>
      <source>How fast the DRY penalty grows with the length of the repetition.</source>
      <translation>DRY 惩罚随重复长度增长的速度。</translation>
    </message>
    <message>
      <source>How many tokens the penalties look back on.</source>
      <translation>惩罚向前回看多少个词元。</translation>
    </message>
    <message>
      <source>How often the likeliest choices are left out; 0 is off.</source>
      <translation>以多大概率略去最可能的选项；0 为关闭。</translation>
    </message>
    <message>
      <source>How this reply was made</source>
      <translation>这条回复是怎样生成的</translation>
    </message>
    <message>
      <source>Image</source>
      <translation>图片</translation>
    </message>
    <message>
      <source>Import</source>
      <translation>导入</translation>
    </message>
    <message>
      <source>Import…</source>
      <translation>导入…</translation>
    </message>
    <message>
      <source>In all</source>
      <translation>总计</translation>
    </message>
    <message>
      <source>In the place of the first {count} messages, up to “{first}”, the model saw this summary:</source>
      <translation>在“{first}”之前的 {count} 条消息，模型看到的是这段总结：</translation>
    </message>
    <message>
      <source>Interrupted: the program ended</source>
      <translation>中断：程序已结束</translation>
    </message>
    <message>
      <source>It cannot be read: {0}.</source>
      <translation>无法读取：{0}。</translation>
    </message>
    <message>
      <source>It claims to hold {0} {1}, more than fit into a file of its size.</source>
      <translation>它声称有 {0} 个{1}，超出了这个大小的文件所能容纳的。</translation>
    </message>
    <message>
      <source>It claims to use {0} of {1} experts.</source>
      <translation>它声称使用 {1} 个专家中的 {0} 个。</translation>
    </message>
    <message>
      <source>It claims {0} attention heads with {1} key-value heads, which do not divide them.</source>
      <translation>它声称有 {0} 个注意力头和 {1} 个键值头，后者不能整除前者。</translation>
    </message>
    <message>
      <source>It claims {0} layers but holds only {1}.</source>
      <translation>它声称有 {0} 层，实际只有 {1} 层。</translation>
    </message>
    <message>
      <source>It computes no numbers: some of its weights are damaged.</source>
      <translation>它算不出数字：部分权重已损坏。</translation>
    </message>
    <message>
      <source>It could not be copied: {0}.</source>
      <translation>无法复制：{0}。</translation>
    </message>
    <message>
      <source>It could not be deleted: {0}.</source>
      <translation>无法删除：{0}。</translation>
    </message>
    <message>
      <source>It could not be imported: {0}.</source>
      <translation>无法导入：{0}。</translation>
    </message>
    <message>
      <source>It does not begin as a GGUF file does.</source>
      <translation>它的开头不是 GGUF 文件的样子。</translation>
    </message>
    <message>
      <source>It does not say which architecture it has.</source>
      <translation>它没有说明是什么架构。</translation>
    </message>
    <message>
      <source>It does not show its tokenizer and template.</source>
      <translation>它不公开自己的分词器和模板。</translation>
    </message>
    <message>
      <source>It does not work with these messages ({0}).</source>
      <translation>它不适用于这些消息（{0}）。</translation>
    </message>
    <message>
      <source>It ended without a word.</source>
      <translation>它一声不响地结束了。</translation>
    </message>
    <message>
      <source>It fits {candidates}.</source>
      <translation>与它相符的有：{candidates}。</translation>
    </message>
    <message>
      <source>It gave up with the message “{0}”.</source>
      <translation>它放弃了，留下的话是“{0}”。</translation>
    </message>
    <message>
      <source>It has {0} tokens and the base has {1}: they cannot be compared.</source>
      <translation>它有 {0} 个词元，而基准有 {1} 个：无法比较。</translation>
    </message>
    <message>
      <source>It has {needed} tokens and the model reads {available} at once.</source>
      <translation>它有 {needed} 个词元，而模型一次读 {available} 个。</translation>
    </message>
    <message>
      <source>It holds no importance matrix.</source>
      <translation>它不含重要性矩阵。</translation>
    </message>
    <message>
      <source>It holds no vocabulary, so it can read no text.</source>
      <translation>它没有词表，所以读不了文本。</translation>
    </message>
    <message>
      <source>It holds the migration “{migration}”, which this version does not know.</source>
      <translation>其中有本版本不认识的迁移 “{migration}”。</translation>
    </message>
    <message>
      <source>It is a GGML file from before 2023-08, which engines no longer read.</source>
      <translation>它是 2023 年 8 月之前的 GGML 文件，引擎已不再支持。</translation>
    </message>
    <message>
      <source>It is a GGUF of version 1, which engines no longer read.</source>
      <translation>它是第 1 版 GGUF，引擎已不再支持。</translation>
    </message>
    <message>
      <source>It is a Git LFS pointer: the model itself was not downloaded.</source>
      <translation>它是 Git LFS 指针：模型本身没有下载。</translation>
    </message>
    <message>
      <source>It is a ZIP or PyTorch archive.</source>
      <translation>它是 ZIP 或 PyTorch 压缩包。</translation>
    </message>
    <message>
      <source>It is a folder.</source>
      <translation>它是一个文件夹。</translation>
    </message>
    <message>
      <source>It is a part of Yanmo and stays.</source>
      <translation>它是研墨的一部分，会留下来。</translation>
    </message>
    <message>
      <source>It is a part of a model in {0} files, of which {1} are here.</source>
      <translation>它是分成 {0} 个文件的模型的一部分，这里只有 {1} 个。</translation>
    </message>
    <message>
      <source>It is a safetensors file; it can be converted to GGUF.</source>
      <translation>它是 safetensors 文件；可以转换为 GGUF。</translation>
    </message>
    <message>
      <source>It is a web page: the download went wrong.</source>
      <translation>它是一个网页：下载出了错。</translation>
    </message>
    <message>
      <source>It is cut off.</source>
      <translation>文件不完整。</translation>
    </message>
    <message>
      <source>It is cut off: it became shorter while it was read.</source>
      <translation>文件不完整：读取时它变短了。</translation>
    </message>
    <message>
      <source>It is cut off: its header ends in the middle.</source>
      <translation>文件不完整：文件头在中间断了。</translation>
    </message>
    <message>
      <source>It is cut off: the weights of “{0}” end {1} bytes after its end.</source>
      <translation>文件不完整：“{0}”的权重超出文件末尾 {1} 字节。</translation>
    </message>
    <message>
      <source>It is cut off: “{0}” lies beyond its end.</source>
      <translation>文件不完整：“{0}”在文件末尾之外。</translation>
    </message>
    <message>
      <source>It is empty inside: the download was interrupted.</source>
      <translation>文件内容是空的：下载被中断了。</translation>
    </message>
    <message>
      <source>It is far too large for a configuration.</source>
      <translation>作为配置文件它太大了。</translation>
    </message>
    <message>
      <source>It is larger than {0} MB.</source>
      <translation>它大于 {0} MB。</translation>
    </message>
    <message>
      <source>It is neither a picture, a sound nor text that can be read.</source>
      <translation>它既不是图片、声音，也不是可以读取的文本。</translation>
    </message>
    <message>
      <source>It is nested too deeply.</source>
      <translation>它嵌套得太深。</translation>
    </message>
    <message>
      <source>It is no LoRA adapter.</source>
      <translation>它不是 LoRA 适配器。</translation>
    </message>
    <message>
      <source>It is no script for the echo engine.</source>
      <translation>它不是回声引擎的脚本。</translation>
    </message>
    <message>
      <source>It is not JSON: {0}.</source>
      <translation>它不是 JSON：{0}。</translation>
    </message>
    <message>
      <source>It is not a Yanmo database.</source>
      <translation>它不是研墨的数据库。</translation>
    </message>
    <message>
      <source>It is not a backup of Yanmo: it holds no database.</source>
      <translation>它不是研墨的备份：里面没有数据库。</translation>
    </message>
    <message>
      <source>It is not a table of settings.</source>
      <translation>它不是一张设置表。</translation>
    </message>
    <message>
      <source>It is not a text in UTF-8.</source>
      <translation>它不是 UTF-8 文本。</translation>
    </message>
    <message>
      <source>It is not a valid template.</source>
      <translation>它不是有效的模板。</translation>
    </message>
    <message>
      <source>It is not a valid template: {0}.</source>
      <translation>它不是有效的模板：{0}。</translation>
    </message>
    <message>
      <source>It is not an export of Yanmo.</source>
      <translation>它不是研墨的导出文件。</translation>
    </message>
    <message>
      <source>It is of version {0}, and this Yanmo reads version {1}.</source>
      <translation>它是第 {0} 版，而这个研墨读取第 {1} 版。</translation>
    </message>
    <message>
      <source>It is quantized already: quantizing it again would add to the loss.</source>
      <translation>它已经量化过：再量化一次会加大损失。</translation>
    </message>
    <message>
      <source>It is {kind}.</source>
      <translation>它是{kind}。</translation>
    </message>
    <message>
      <source>It lies in a folder that Yanmo only looks into; delete the file there.</source>
      <translation>它在研墨只查看的文件夹里；请到那里删除文件。</translation>
    </message>
    <message>
      <source>It must be {allowed}.</source>
      <translation>必须是 {allowed}。</translation>
    </message>
    <message>
      <source>It needs {needed} tokens and the context holds {available}.</source>
      <translation>它需要 {needed} 词元，而上下文只能容纳 {available}。</translation>
    </message>
    <message>
      <source>It produces an endless text.</source>
      <translation>它会产生没有尽头的文本。</translation>
    </message>
    <message>
      <source>It says it is a GGUF of version {0}; versions 2 and 3 are known.</source>
      <translation>它自称是第 {0} 版 GGUF；已知的是第 2 和第 3 版。</translation>
    </message>
    <message>
      <source>It says: {0}.</source>
      <translation>它说：{0}。</translation>
    </message>
    <message>
      <source>It wakes only after certain words of a prompt (aLoRA), which is not supported.</source>
      <translation>它只在提示词出现特定词语后才生效（aLoRA），这里不支持。</translation>
    </message>
    <message>
      <source>It was cancelled.</source>
      <translation>已取消。</translation>
    </message>
    <message>
      <source>It was deleted, or its id {id} is wrong.</source>
      <translation>它已被删除，或编号 {id} 有误。</translation>
    </message>
    <message>
      <source>It was made for the architecture {0}, and this model is {1}.</source>
      <translation>它是为架构 {0} 制作的，而这个模型是 {1}。</translation>
    </message>
    <message>
      <source>It was not trained for that: its file has no ranking head.</source>
      <translation>它没有为此训练过：文件里没有排序头。</translation>
    </message>
    <message>
      <source>It was told to.</source>
      <translation>它是按指示这样做的。</translation>
    </message>
    <message>
      <source>It was written for big-endian computers.</source>
      <translation>它是为大端序计算机写的。</translation>
    </message>
    <message>
      <source>It works only together with a language model.</source>
      <translation>它只能与语言模型一起使用。</translation>
    </message>
    <message>
      <source>Its alignment is not of the type that the format prescribes.</source>
      <translation>它的对齐值不是格式规定的类型。</translation>
    </message>
    <message>
      <source>Its alignment {0} is not a power of two.</source>
      <translation>它的对齐值 {0} 不是 2 的幂。</translation>
    </message>
    <message>
      <source>Its content changed although its size and date did not: the disk may be failing.</source>
      <translation>大小和日期没变，内容却变了：磁盘可能出了故障。</translation>
    </message>
    <message>
      <source>Its header cannot be read: {0}.</source>
      <translation>无法读取文件头：{0}。</translation>
    </message>
    <message>
      <source>Its header does not fit into the file.</source>
      <translation>它的文件头超出了文件本身。</translation>
    </message>
    <message>
      <source>Its library could not be loaded: {0}.</source>
      <translation>无法加载它的程序库：{0}。</translation>
    </message>
    <message>
      <source>Its network cannot take back a wrong guess.</source>
      <translation>它的网络无法撤回猜错的词元。</translation>
    </message>
    <message>
      <source>Its positions are scaled by “{0}”, which is not known here.</source>
      <translation>它的位置按“{0}”缩放，这里不认识这种方式。</translation>
    </message>
    <message>
      <source>Its process could not be started: {0}.</source>
      <translation>无法启动它的进程：{0}。</translation>
    </message>
    <message>
      <source>Its process ended with code {0}.</source>
      <translation>它的进程以代码 {0} 结束。</translation>
    </message>
    <message>
      <source>Its process ended.</source>
      <translation>它的进程结束了。</translation>
    </message>
    <message>
      <source>Its process was ended by {0}.</source>
      <translation>它的进程被 {0} 终止。</translation>
    </message>
    <message>
      <source>Its strength (alpha) is no number.</source>
      <translation>它的强度（alpha）不是数字。</translation>
    </message>
    <message>
      <source>Its tokenizer cuts text in a way that is not known here; a wrong cut would change every token.</source>
      <translation>它的分词器切分文本的方式这里不认识；切错会改变每个词元。</translation>
    </message>
    <message>
      <source>Its tokenizer is not a byte-level BPE, and no other kind can be converted yet.</source>
      <translation>它的分词器不是字节级 BPE，其他种类还不能转换。</translation>
    </message>
    <message>
      <source>Its vocabulary has no tokens that mark what stands before and after the gap.</source>
      <translation>它的词表没有标记空缺前后内容的词元。</translation>
    </message>
    <message>
      <source>Its vocabulary is not a list of texts.</source>
      <translation>它的词表不是文本列表。</translation>
    </message>
    <message>
      <source>Its weights do not fit this model's.</source>
      <translation>它的权重与这个模型不匹配。</translation>
    </message>
    <message>
      <source>Its {0} attention heads do not divide the embedding length {1}.</source>
      <translation>它的 {0} 个注意力头不能整除嵌入长度 {1}。</translation>
    </message>
    <message>
      <source>Its {0} token is number {1} of {2}.</source>
      <translation>它的 {0} 词元编号是 {1}，而共有 {2} 个。</translation>
    </message>
    <message>
      <source>KV cache type</source>
      <translation>KV 缓存类型</translation>
    </message>
    <message>
      <source>Keeps only this many tokens; 0 keeps all.</source>
      <translation>只保留这么多词元；0 为全部保留。</translation>
    </message>
    <message>
      <source>Keeps the likeliest tokens that together reach this probability.</source>
      <translation>保留累计达到此概率的最可能词元。</translation>
    </message>
    <message>
      <source>Keeps tokens of typical surprise; 1 is off.</source>
      <translation>保留惊奇度适中的词元；1 为关闭。</translation>
    </message>
    <message>
      <source>Language</source>
      <translation>语言</translation>
    </message>
    <message>
      <source>Last 30 days</source>
      <translation>过去 30 天</translation>
    </message>
    <message>
      <source>Last 7 days</source>
      <translation>过去 7 天</translation>
    </message>
    <message>
      <source>Layers of a mixture of experts whose experts stay in main memory</source>
      <translation>混合专家模型中，专家留在内存里的层数</translation>
    </message>
    <message>
      <source>Leave out the oldest turns</source>
      <translation>省略最早的几轮</translation>
    </message>
    <message>
      <source>Light</source>
      <translation>浅色</translation>
    </message>
    <message>
      <source>Limit response length</source>
      <translation>限制回复长度</translation>
    </message>
    <message>
      <source>List what is there with “yanmo data restore --list”.</source>
      <translation>用 “yanmo data restore --list” 列出现有快照。</translation>
    </message>
    <message>
      <source>Load</source>
      <translation>加载</translation>
    </message>
    <message>
      <source>Load a model to see how much of its context this conversation takes.</source>
      <translation>加载模型后可看到此对话占用多少上下文。</translation>
    </message>
    <message>
      <source>Load again</source>
      <translation>重新加载</translation>
    </message>
    <message>
      <source>Load the last model at start</source>
      <translation>启动时加载上次的模型</translation>
    </message>
    <message>
      <source>Load the model with a longer context, or start a new conversation.</source>
      <translation>请用更长的上下文加载模型，或开始新对话。</translation>
    </message>
    <message>
      <source>Load with a longer context</source>
      <translation>用更长的上下文加载</translation>
    </message>
    <message>
      <source>Load with a shorter context</source>
      <translation>用更短的上下文加载</translation>
    </message>
    <message>
      <source>Load with these settings</source>
      <translation>按这些设置加载</translation>
    </message>
    <message>
      <source>Loading the model… {percent} %</source>
      <translation>正在加载模型… {percent} %</translation>
    </message>
    <message>
      <source>Loading was cancelled.</source>
      <translation>加载已取消。</translation>
    </message>
    <message>
      <source>Loading {model}… {percent} %</source>
      <translation>正在加载 {model}… {percent} %</translation>
    </message>
    <message>
      <source>Lock in memory</source>
      <translation>锁定在内存中</translation>
    </message>
    <message>
      <source>Look again</source>
      <translation>重新扫描</translation>
    </message>
    <message>
      <source>Look in the trash, or choose another conversation.</source>
      <translation>请到回收站查看，或选择其他对话。</translation>
    </message>
    <message>
      <source>Lowers every token that occurred at all.</source>
      <translation>降低所有出现过的词元的概率。</translation>
    </message>
    <message>
      <source>Lowers tokens by how often they occurred.</source>
      <translation>按出现次数降低词元的概率。</translation>
    </message>
    <message>
      <source>Make a snapshot every day</source>
      <translation>每天做一次快照</translation>
    </message>
    <message>
      <source>Make one now</source>
      <translation>立即做一份</translation>
    </message>
    <message>
      <source>Memory-map the file</source>
      <translation>内存映射文件</translation>
    </message>
    <message>
      <source>Message</source>
      <translation>消息</translation>
    </message>
    <message>
      <source>Message {model}…</source>
      <translation>给 {model} 发消息…</translation>
    </message>
    <message>
      <source>Mirostat rate</source>
      <translation>Mirostat 速率</translation>
    </message>
    <message>
      <source>Mirostat target</source>
      <translation>Mirostat 目标</translation>
    </message>
    <message>
      <source>Model</source>
      <translation>模型</translation>
    </message>
    <message>
      <source>Model: {name}</source>
      <translation>模型：{name}</translation>
    </message>
    <message>
      <source>Models</source>
      <translation>模型</translation>
    </message>
    <message>
      <source>Models are used where they lie; nothing is copied.</source>
      <translation>模型就地使用，不会复制。</translation>
    </message>
    <message>
      <source>More sampling settings</source>
      <translation>更多采样设置</translation>
    </message>
    <message>
      <source>Most tokens of a reply</source>
      <translation>回复最多词元数</translation>
    </message>
    <message>
      <source>Move to folder</source>
      <translation>移到文件夹</translation>
    </message>
    <message>
      <source>Name</source>
      <translation>名称</translation>
    </message>
    <message>
      <source>New chat</source>
      <translation>新对话</translation>
    </message>
    <message>
      <source>New folder</source>
      <translation>新建文件夹</translation>
    </message>
    <message>
      <source>New folder…</source>
      <translation>新建文件夹…</translation>
    </message>
    <message>
      <source>New title</source>
      <translation>新标题</translation>
    </message>
    <message>
      <source>Next version</source>
      <translation>下一版本</translation>
    </message>
    <message>
      <source>No RPC server answers there.</source>
      <translation>那里没有 RPC 服务器应答。</translation>
    </message>
    <message>
      <source>No engine of that name is installed.</source>
      <translation>没有安装这个名称的引擎。</translation>
    </message>
    <message>
      <source>No folder</source>
      <translation>不放入文件夹</translation>
    </message>
    <message>
      <source>No matrix product was seen.</source>
      <translation>没有看到任何矩阵乘法。</translation>
    </message>
    <message>
      <source>No model is in memory.</source>
      <translation>内存中没有模型。</translation>
    </message>
    <message>
      <source>Nothing found</source>
      <translation>没有找到</translation>
    </message>
    <message>
      <source>Nothing is left out silently: a reply says what its model did not see.</source>
      <translation>不会悄悄省略：每条回复都会说明模型没有看到什么。</translation>
    </message>
    <message>
      <source>Nothing of that name is in the library, and no such file exists.</source>
      <translation>模型库里没有这个名称，也没有这样的文件。</translation>
    </message>
    <message>
      <source>Nothing was left behind.</source>
      <translation>没有留下任何东西。</translation>
    </message>
    <message>
      <source>Nothing was left behind; mend the cause and run the same command again.</source>
      <translation>没有留下任何东西；请排除原因后再运行同一命令。</translation>
    </message>
    <message>
      <source>Off</source>
      <translation>关闭</translation>
    </message>
    <message>
      <source>Older</source>
      <translation>更早</translation>
    </message>
    <message>
      <source>Only choices above this probability are left out.</source>
      <translation>只略去概率高于此值的选项。</translation>
    </message>
    <message>
      <source>Open the folder</source>
      <translation>打开文件夹</translation>
    </message>
    <message>
      <source>Open the snapshots</source>
      <translation>打开快照</translation>
    </message>
    <message>
      <source>Open the trash</source>
      <translation>打开回收站</translation>
    </message>
    <message>
      <source>Own settings</source>
      <translation>自定设置</translation>
    </message>
    <message>
      <source>Penalises repeating a sequence; 0 is off.</source>
      <translation>惩罚整段重复；0 为关闭。</translation>
    </message>
    <message>
      <source>Penalty window</source>
      <translation>惩罚窗口</translation>
    </message>
    <message>
      <source>Pin</source>
      <translation>置顶</translation>
    </message>
    <message>
      <source>Pinned</source>
      <translation>置顶</translation>
    </message>
    <message>
      <source>Precise</source>
      <translation>精确</translation>
    </message>
    <message>
      <source>Presence penalty</source>
      <translation>存在惩罚</translation>
    </message>
    <message>
      <source>Preset</source>
      <translation>预设</translation>
    </message>
    <message>
      <source>Previous version</source>
      <translation>上一版本</translation>
    </message>
    <message>
      <source>Prompt</source>
      <translation>提示</translation>
    </message>
    <message>
      <source>Put back</source>
      <translation>放回</translation>
    </message>
    <message>
      <source>Python ran out of memory.</source>
      <translation>Python 内存耗尽。</translation>
    </message>
    <message>
      <source>Quantization</source>
      <translation>量化</translation>
    </message>
    <message>
      <source>Quit</source>
      <translation>退出</translation>
    </message>
    <message>
      <source>Reading the conversation… {done} of {total} tokens</source>
      <translation>正在读取对话… {done} / {total} 词元</translation>
    </message>
    <message>
      <source>Reading the whole file…</source>
      <translation>正在读取整个文件…</translation>
    </message>
    <message>
      <source>Reasoning</source>
      <translation>推理过程</translation>
    </message>
    <message>
      <source>Rebuild the engine on this machine: delete .venv and run “make run”.</source>
      <translation>请在本机重新构建引擎：删除 .venv 并运行 “make run”。</translation>
    </message>
    <message>
      <source>Regenerate</source>
      <translation>重新生成</translation>
    </message>
    <message>
      <source>Regenerate the last reply</source>
      <translation>重新生成上一条回复</translation>
    </message>
    <message>
      <source>Remove the system prompt, or choose another model.</source>
      <translation>请去掉系统提示词，或选择其他模型。</translation>
    </message>
    <message>
      <source>Remove {name}</source>
      <translation>移除 {name}</translation>
    </message>
    <message>
      <source>Remove…</source>
      <translation>移除…</translation>
    </message>
    <message>
      <source>Rename</source>
      <translation>重命名</translation>
    </message>
    <message>
      <source>Rename this conversation</source>
      <translation>重命名此对话</translation>
    </message>
    <message>
      <source>Repeat penalty</source>
      <translation>重复惩罚</translation>
    </message>
    <message>
      <source>Repetitions up to this length cost nothing.</source>
      <translation>不超过此长度的重复不受惩罚。</translation>
    </message>
    <message>
      <source>Replace all conversations by this snapshot? Today's database is kept beside it.</source>
      <translation>用此快照替换所有对话？今天的数据库会保留在旁边。</translation>
    </message>
    <message>
      <source>Reply</source>
      <translation>回复</translation>
    </message>
    <message>
      <source>Restore a snapshot</source>
      <translation>恢复快照</translation>
    </message>
    <message>
      <source>Restore a snapshot with “yanmo data restore”.</source>
      <translation>请用 “yanmo data restore” 恢复快照。</translation>
    </message>
    <message>
      <source>Restore this snapshot</source>
      <translation>恢复此快照</translation>
    </message>
    <message>
      <source>Restore…</source>
      <translation>恢复…</translation>
    </message>
    <message>
      <source>Run “yanmo doctor” to see what is installed and what to add.</source>
      <translation>运行 “yanmo doctor” 看看已装了什么、该装什么。</translation>
    </message>
    <message>
      <source>SHA-256 {0}, made {1} by llama.cpp {2}.</source>
      <translation>SHA-256 {0}，由 llama.cpp {2} 于 {1} 制作。</translation>
    </message>
    <message>
      <source>SQLite says: {0}.</source>
      <translation>SQLite 说：{0}。</translation>
    </message>
    <message>
      <source>Sampling</source>
      <translation>采样</translation>
    </message>
    <message>
      <source>Save as preset</source>
      <translation>存为预设</translation>
    </message>
    <message>
      <source>Save as preset…</source>
      <translation>存为预设…</translation>
    </message>
    <message>
      <source>Search chats</source>
      <translation>搜索对话</translation>
    </message>
    <message>
      <source>Seed</source>
      <translation>随机种子</translation>
    </message>
    <message>
      <source>Send (Enter)</source>
      <translation>发送 (回车)</translation>
    </message>
    <message>
      <source>Settings</source>
      <translation>设置</translation>
    </message>
    <message>
      <source>Show all {count} characters</source>
      <translation>显示全部 {count} 个字符</translation>
    </message>
    <message>
      <source>Show in folder</source>
      <translation>在文件夹中显示</translation>
    </message>
    <message>
      <source>Show or hide the list</source>
      <translation>显示或隐藏列表</translation>
    </message>
    <message>
      <source>Show or hide the settings</source>
      <translation>显示或隐藏设置面板</translation>
    </message>
    <message>
      <source>Show the list</source>
      <translation>显示列表</translation>
    </message>
    <message>
      <source>Snapshots</source>
      <translation>快照</translation>
    </message>
    <message>
      <source>Snapshots are kept for seven days.</source>
      <translation>快照保留七天。</translation>
    </message>
    <message>
      <source>Snapshots of your conversations:</source>
      <translation>你的对话的快照：</translation>
    </message>
    <message>
      <source>Snapshots…</source>
      <translation>快照…</translation>
    </message>
    <message>
      <source>Some text in it cannot be read.</source>
      <translation>其中有些文字无法读取。</translation>
    </message>
    <message>
      <source>Something went wrong inside Yanmo; the log in the data folder says what.</source>
      <translation>研墨内部出了点问题；数据文件夹里的日志有记录。</translation>
    </message>
    <message>
      <source>Something went wrong.</source>
      <translation>出了点问题。</translation>
    </message>
    <message>
      <source>Speed</source>
      <translation>速度</translation>
    </message>
    <message>
      <source>Split it into shorter pieces.</source>
      <translation>请把它分成更短的几段。</translation>
    </message>
    <message>
      <source>Starting…</source>
      <translation>正在开始…</translation>
    </message>
    <message>
      <source>Stop (Esc)</source>
      <translation>停止 (Esc)</translation>
    </message>
    <message>
      <source>Stop and ask me</source>
      <translation>停下来问我</translation>
    </message>
    <message>
      <source>Stop strings, separated by |</source>
      <translation>停止串，用 | 分隔</translation>
    </message>
    <message>
      <source>Stop the reply</source>
      <translation>停止回复</translation>
    </message>
    <message>
      <source>Stopped</source>
      <translation>已停止</translation>
    </message>
    <message>
      <source>Summarise our conversation so far for yourself, in its own language, in at most {words} words: who wants what, facts, names, numbers, decisions and open questions. Write only the summary.</source>
      <translation>请用对话本身的语言，为你自己总结到目前为止的对话，不超过 {words} 个词：谁想要什么、事实、名称、数字、决定和未解决的问题。只写总结。</translation>
    </message>
    <message>
      <source>Summarise the oldest turns</source>
      <translation>总结最早的几轮</translation>
    </message>
    <message>
      <source>Switch between English and Chinese</source>
      <translation>切换英文与中文</translation>
    </message>
    <message>
      <source>Switch between light and dark</source>
      <translation>切换浅色与深色</translation>
    </message>
    <message>
      <source>Switch to the window that is open, or close it first.</source>
      <translation>请切换到已打开的窗口，或先关闭它。</translation>
    </message>
    <message>
      <source>System</source>
      <translation>系统</translation>
    </message>
    <message>
      <source>System prompt</source>
      <translation>系统提示词</translation>
    </message>
    <message>
      <source>Take out of the archive</source>
      <translation>移出归档</translation>
    </message>
    <message>
      <source>Take this model out of the library? Its file stays where it is.</source>
      <translation>将此模型移出模型库？文件会留在原处。</translation>
    </message>
    <message>
      <source>Taken out of the archive</source>
      <translation>已移出归档</translation>
    </message>
    <message>
      <source>Temperature</source>
      <translation>温度</translation>
    </message>
    <message>
      <source>Text {number} is too long for {model}.</source>
      <translation>第 {number} 段文本对 {model} 来说太长。</translation>
    </message>
    <message>
      <source>The JSON schema is no JSON object.</source>
      <translation>JSON Schema 不是一个 JSON 对象。</translation>
    </message>
    <message>
      <source>The KV cache has no room left.</source>
      <translation>KV 缓存已没有空间。</translation>
    </message>
    <message>
      <source>The active branch ends in a message that is not there.</source>
      <translation>当前分支结束于一条不存在的消息。</translation>
    </message>
    <message>
      <source>The adapter {file} cannot be used with {model}.</source>
      <translation>适配器 {file} 不能用于 {model}。</translation>
    </message>
    <message>
      <source>The array “{0}” holds values of the unknown type {1}.</source>
      <translation>数组“{0}”的元素类型 {1} 未知。</translation>
    </message>
    <message>
      <source>The attachment {0} is damaged.</source>
      <translation>附件 {0} 已损坏。</translation>
    </message>
    <message>
      <source>The attachment {0} is missing.</source>
      <translation>附件 {0} 不见了。</translation>
    </message>
    <message>
      <source>The attachment {0}… in it is damaged.</source>
      <translation>其中的附件 {0}… 已损坏。</translation>
    </message>
    <message>
      <source>The backup cannot be read: {0}.</source>
      <translation>无法读取备份：{0}。</translation>
    </message>
    <message>
      <source>The check found: {0}.</source>
      <translation>检查发现：{0}。</translation>
    </message>
    <message>
      <source>The checkpoint holds the tensor “{0}”, which this kind of model does not have.</source>
      <translation>检查点含有张量“{0}”，这类模型没有它。</translation>
    </message>
    <message>
      <source>The conversation is longer than the model's context.</source>
      <translation>对话超出了模型的上下文。</translation>
    </message>
    <message>
      <source>The conversations could not be read or written.</source>
      <translation>无法读写对话数据。</translation>
    </message>
    <message>
      <source>The database was closed.</source>
      <translation>数据库已关闭。</translation>
    </message>
    <message>
      <source>The database {file} is damaged.</source>
      <translation>数据库 {file} 已损坏。</translation>
    </message>
    <message>
      <source>The database {file} was written by a newer Yanmo.</source>
      <translation>数据库 {file} 由更新版本的研墨写成。</translation>
    </message>
    <message>
      <source>The device {0} is not here, so the processor computes.</source>
      <translation>找不到设备 {0}，因此由处理器计算。</translation>
    </message>
    <message>
      <source>The disk is full.</source>
      <translation>磁盘已满。</translation>
    </message>
    <message>
      <source>The engine asked for more memory than the machine has.</source>
      <translation>引擎要求的内存超过了本机所有。</translation>
    </message>
    <message>
      <source>The engine broke down while reading it, with the message “{0}”.</source>
      <translation>引擎在读取它时崩溃了，留下的信息是“{0}”。</translation>
    </message>
    <message>
      <source>The engine broke down while reading it.</source>
      <translation>引擎在读取它时崩溃了。</translation>
    </message>
    <message>
      <source>The engine could not compute the logits (code {0}).</source>
      <translation>引擎无法计算 logits（代码 {0}）。</translation>
    </message>
    <message>
      <source>The engine could not compute the next step (code {0}).</source>
      <translation>引擎无法计算下一步（代码 {0}）。</translation>
    </message>
    <message>
      <source>The engine could not finish this reply.</source>
      <translation>引擎没能完成这条回复。</translation>
    </message>
    <message>
      <source>The engine could not read it.</source>
      <translation>引擎无法读取它。</translation>
    </message>
    <message>
      <source>The engine did not answer in time.</source>
      <translation>引擎没有及时回应。</translation>
    </message>
    <message>
      <source>The engine does not know the architecture “{architecture}”.</source>
      <translation>引擎不认识架构 “{architecture}”。</translation>
    </message>
    <message>
      <source>The engine gave no numbers for the next token.</source>
      <translation>引擎没有给出下一个词元的数值。</translation>
    </message>
    <message>
      <source>The engine gave no score.</source>
      <translation>引擎没有给出分数。</translation>
    </message>
    <message>
      <source>The engine gave no vectors.</source>
      <translation>引擎没有给出向量。</translation>
    </message>
    <message>
      <source>The engine has too many requests waiting.</source>
      <translation>引擎中等待的请求太多。</translation>
    </message>
    <message>
      <source>The engine refused it: {0}.</source>
      <translation>引擎拒绝了它：{0}。</translation>
    </message>
    <message>
      <source>The engine reported an error.</source>
      <translation>引擎报告了一个错误。</translation>
    </message>
    <message>
      <source>The engine says: {0}.</source>
      <translation>引擎提示：{0}。</translation>
    </message>
    <message>
      <source>The engine stopped unexpectedly.</source>
      <translation>引擎意外停止了。</translation>
    </message>
    <message>
      <source>The engine used an instruction that this processor does not have.</source>
      <translation>引擎用到了这个处理器没有的指令。</translation>
    </message>
    <message>
      <source>The engine “{engine}” is not available.</source>
      <translation>引擎 “{engine}” 不可用。</translation>
    </message>
    <message>
      <source>The entry “{0}” of its header makes no sense.</source>
      <translation>文件头中的条目“{0}”不合理。</translation>
    </message>
    <message>
      <source>The file became shorter, or its disk went away, while the model was in use.</source>
      <translation>模型使用期间，文件变短了，或者磁盘消失了。</translation>
    </message>
    <message>
      <source>The file is empty.</source>
      <translation>文件是空的。</translation>
    </message>
    <message>
      <source>The file that was made cannot be read.</source>
      <translation>做出的文件无法读取。</translation>
    </message>
    <message>
      <source>The file that was made lacks {0} tensors.</source>
      <translation>做出的文件缺少 {0} 个张量。</translation>
    </message>
    <message>
      <source>The folder holds no config.json with safetensors files.</source>
      <translation>文件夹里没有带 safetensors 文件的 config.json。</translation>
    </message>
    <message>
      <source>The form that was prescribed for the reply cannot be followed.</source>
      <translation>无法遵循为回答规定的格式。</translation>
    </message>
    <message>
      <source>The grammar cannot be read: {0}.</source>
      <translation>无法读取语法：{0}。</translation>
    </message>
    <message>
      <source>The grammar is nested too deeply.</source>
      <translation>语法嵌套得太深。</translation>
    </message>
    <message>
      <source>The grammar names a character that does not exist: {0}.</source>
      <translation>语法里写了一个不存在的字符：{0}。</translation>
    </message>
    <message>
      <source>The graphics memory was full, so the processor computes.</source>
      <translation>显存已满，因此由处理器计算。</translation>
    </message>
    <message>
      <source>The import was cancelled.</source>
      <translation>导入已取消。</translation>
    </message>
    <message>
      <source>The importance matrix of “{0}” is not whole.</source>
      <translation>“{0}”的重要性矩阵不完整。</translation>
    </message>
    <message>
      <source>The list “tokenizer.ggml.{0}” does not fit the vocabulary of {1} tokens.</source>
      <translation>列表“tokenizer.ggml.{0}”与 {1} 个词元的词表不符。</translation>
    </message>
    <message>
      <source>The machine refused the memory that the model needs.</source>
      <translation>系统拒绝给出模型所需的内存。</translation>
    </message>
    <message>
      <source>The message {0} has no parent before it.</source>
      <translation>消息 {0} 之前没有它的上一条。</translation>
    </message>
    <message>
      <source>The metadata key “{0}” is empty or there twice.</source>
      <translation>元数据键“{0}”为空或出现了两次。</translation>
    </message>
    <message>
      <source>The metadata “{0}” has the unknown type {1}.</source>
      <translation>元数据“{0}”的类型 {1} 未知。</translation>
    </message>
    <message>
      <source>The model did not see the first {count} messages; it began with “{first}”.</source>
      <translation>模型没有看到最前面的 {count} 条消息；它从“{first}”开始读。</translation>
    </message>
    <message>
      <source>The model did not see {count} tokens any more, between “{begin}…” and “…{end}”.</source>
      <translation>模型已看不到 {count} 个词元，位于“{begin}…”与“…{end}”之间。</translation>
    </message>
    <message>
      <source>The model does not fit the graphics memory, so the processor computes.</source>
      <translation>显存放不下这个模型，因此由处理器计算。</translation>
    </message>
    <message>
      <source>The model first writes a short summary of the oldest turns and reads that in their place.</source>
      <translation>模型先为最早的几轮写一段简短总结，然后读总结来代替原文。</translation>
    </message>
    <message>
      <source>The model is not loaded.</source>
      <translation>模型没有加载。</translation>
    </message>
    <message>
      <source>The model {model} was not found.</source>
      <translation>找不到模型 {model}。</translation>
    </message>
    <message>
      <source>The model's chat template could not be applied.</source>
      <translation>无法套用模型的对话模板。</translation>
    </message>
    <message>
      <source>The new file would replace the one it is made from.</source>
      <translation>新文件会覆盖它的来源文件。</translation>
    </message>
    <message>
      <source>The options are not a table.</source>
      <translation>选项不是一张表。</translation>
    </message>
    <message>
      <source>The package llama-cpp-python is not installed.</source>
      <translation>没有安装 llama-cpp-python 包。</translation>
    </message>
    <message>
      <source>The question is refused, with a way out; nothing is ever left out.</source>
      <translation>拒绝这个问题，并给出解决办法；任何内容都不会被省略。</translation>
    </message>
    <message>
      <source>The reply ended without a word about why.</source>
      <translation>回复结束了，没有说明原因。</translation>
    </message>
    <message>
      <source>The run card's {0} is neither text nor a number.</source>
      <translation>运行卡的 {0} 既不是文本也不是数字。</translation>
    </message>
    <message>
      <source>The search index is damaged: {0}.</source>
      <translation>搜索索引已损坏：{0}。</translation>
    </message>
    <message>
      <source>The server could not be started at {address}.</source>
      <translation>服务器无法在 {address} 启动。</translation>
    </message>
    <message>
      <source>The server is being stopped.</source>
      <translation>服务器正在停止。</translation>
    </message>
    <message>
      <source>The shard {0} is missing or not whole.</source>
      <translation>分片 {0} 缺失或不完整。</translation>
    </message>
    <message>
      <source>The surprise that Mirostat steers to.</source>
      <translation>Mirostat 所趋向的惊奇度。</translation>
    </message>
    <message>
      <source>The system ended the engine, most likely because memory ran out.</source>
      <translation>系统结束了引擎，多半是因为内存耗尽。</translation>
    </message>
    <message>
      <source>The system prompt and the newest words stay; a reply may go on without an end.</source>
      <translation>保留系统提示词和最新的内容；回复可以一直写下去。</translation>
    </message>
    <message>
      <source>The tensor “{0}” does not lie at an aligned place.</source>
      <translation>张量“{0}”没有放在对齐的位置。</translation>
    </message>
    <message>
      <source>The tensor “{0}” has the impossible shape {1} for {2}.</source>
      <translation>张量“{0}”的形状 {1} 对 {2} 来说不可能。</translation>
    </message>
    <message>
      <source>The tensor “{0}” has the type {1}, which cannot be converted.</source>
      <translation>张量“{0}”的类型 {1} 无法转换。</translation>
    </message>
    <message>
      <source>The tensor “{0}” has {1} dimensions.</source>
      <translation>张量“{0}”有 {1} 个维度。</translation>
    </message>
    <message>
      <source>The tensor “{0}” holds values that are no numbers.</source>
      <translation>张量“{0}”含有不是数字的值。</translation>
    </message>
    <message>
      <source>The tensor “{0}” is there twice.</source>
      <translation>张量“{0}”出现了两次。</translation>
    </message>
    <message>
      <source>The text has fewer than {0} tokens: take a longer one.</source>
      <translation>文本不足 {0} 个词元：请用更长的文本。</translation>
    </message>
    <message>
      <source>The text is too long to be tokenized.</source>
      <translation>文本太长，无法切分为词元。</translation>
    </message>
    <message>
      <source>The two have different vocabularies.</source>
      <translation>两者的词表不同。</translation>
    </message>
    <message>
      <source>The two have different vocabularies: token {0} is not the same.</source>
      <translation>两者的词表不同：第 {0} 号词元不一样。</translation>
    </message>
    <message>
      <source>The verification was cancelled.</source>
      <translation>校验已取消。</translation>
    </message>
    <message>
      <source>The {0} holds half a character.</source>
      <translation>{0} 里有半个字符。</translation>
    </message>
    <message>
      <source>The {0} is missing or not a sensible number.</source>
      <translation>{0} 缺失或不是合理的数字。</translation>
    </message>
    <message>
      <source>The {0} is missing or not a text.</source>
      <translation>{0} 缺失或不是文本。</translation>
    </message>
    <message>
      <source>Theme</source>
      <translation>主题</translation>
    </message>
    <message>
      <source>There is a broken value in {0}.</source>
      <translation>{0} 里有损坏的值。</translation>
    </message>
    <message>
      <source>There is a picture in this conversation.</source>
      <translation>这个对话里有图片。</translation>
    </message>
    <message>
      <source>There is a problem with the model {model}.</source>
      <translation>模型 {model} 有问题。</translation>
    </message>
    <message>
      <source>There is a sound in this conversation.</source>
      <translation>这个对话里有声音。</translation>
    </message>
    <message>
      <source>There is no database in {0}.</source>
      <translation>{0} 里没有数据库。</translation>
    </message>
    <message>
      <source>There is no list of {0}.</source>
      <translation>没有 {0} 的列表。</translation>
    </message>
    <message>
      <source>There is no message to answer.</source>
      <translation>没有可以回答的消息。</translation>
    </message>
    <message>
      <source>There is no question before it.</source>
      <translation>它之前没有问题。</translation>
    </message>
    <message>
      <source>There is no snapshot {name}.</source>
      <translation>没有快照 {name}。</translation>
    </message>
    <message>
      <source>There is no such file.</source>
      <translation>没有这样的文件。</translation>
    </message>
    <message>
      <source>There is nothing in {0} yet.</source>
      <translation>{0} 里还什么都没有。</translation>
    </message>
    <message>
      <source>There is too much in {0}.</source>
      <translation>{0} 里的内容太多。</translation>
    </message>
    <message>
      <source>There was not enough memory for {model}.</source>
      <translation>内存不足，放不下 {model}。</translation>
    </message>
    <message>
      <source>Thinking…</source>
      <translation>正在思考…</translation>
    </message>
    <message>
      <source>This build of the engine cannot use other machines: it was built without RPC.</source>
      <translation>引擎的这个版本不能使用其他机器：编译时没有启用 RPC。</translation>
    </message>
    <message>
      <source>This build of the engine has no such device.</source>
      <translation>这个版本的引擎没有这样的设备。</translation>
    </message>
    <message>
      <source>This conversation</source>
      <translation>此对话</translation>
    </message>
    <message>
      <source>This conversation does not exist any more.</source>
      <translation>这个对话已不存在。</translation>
    </message>
    <message>
      <source>This engine makes no embeddings.</source>
      <translation>这个引擎不能生成嵌入向量。</translation>
    </message>
    <message>
      <source>This message is complete.</source>
      <translation>这条消息已经完整。</translation>
    </message>
    <message>
      <source>This message is damaged; what can be read of it follows.</source>
      <translation>这条消息已损坏；以下是还能读出的内容。</translation>
    </message>
    <message>
      <source>This processor cannot run the engine as it was built.</source>
      <translation>这个处理器无法运行现有的引擎。</translation>
    </message>
    <message>
      <source>This program was started without it.</source>
      <translation>这个程序启动时没有带上它。</translation>
    </message>
    <message>
      <source>This type needs an importance matrix.</source>
      <translation>这种类型需要重要性矩阵。</translation>
    </message>
    <message>
      <source>Thought for {seconds} s</source>
      <translation>思考了 {seconds} 秒</translation>
    </message>
    <message>
      <source>Threads</source>
      <translation>线程数</translation>
    </message>
    <message>
      <source>To read {0} tokens at once takes {1} GB, and this machine has {2} GB free.</source>
      <translation>一次读 {0} 个词元需要 {1} GB，而这台机器空闲 {2} GB。</translation>
    </message>
    <message>
      <source>To the end</source>
      <translation>回到末尾</translation>
    </message>
    <message>
      <source>Today</source>
      <translation>今天</translation>
    </message>
    <message>
      <source>Tokens guessed from what was written before; the text stays the same</source>
      <translation>根据已写内容猜测的词元数；文本保持不变</translation>
    </message>
    <message>
      <source>Tool</source>
      <translation>工具</translation>
    </message>
    <message>
      <source>Trash</source>
      <translation>回收站</translation>
    </message>
    <message>
      <source>Trash…</source>
      <translation>回收站…</translation>
    </message>
    <message>
      <source>Try a smaller context length, a smaller quantization, or close other programs.</source>
      <translation>请试试更短的上下文、更小的量化，或关闭其他程序。</translation>
    </message>
    <message>
      <source>Try again</source>
      <translation>重试</translation>
    </message>
    <message>
      <source>Try again; if it happens again, load the model anew.</source>
      <translation>请重试；若再次出现，请重新加载模型。</translation>
    </message>
    <message>
      <source>Two entries have the same id.</source>
      <translation>有两个条目的编号相同。</translation>
    </message>
    <message>
      <source>Type a command or the title of a chat</source>
      <translation>输入命令或对话标题</translation>
    </message>
    <message>
      <source>Typical-p</source>
      <translation>典型采样 (Typical-p)</translation>
    </message>
    <message>
      <source>Undo</source>
      <translation>撤销</translation>
    </message>
    <message>
      <source>Unpin</source>
      <translation>取消置顶</translation>
    </message>
    <message>
      <source>Untitled</source>
      <translation>未命名</translation>
    </message>
    <message>
      <source>Update Yanmo, or choose another model.</source>
      <translation>请更新研墨，或选择其他模型。</translation>
    </message>
    <message>
      <source>Update Yanmo, or restore an older snapshot.</source>
      <translation>请更新研墨，或恢复较早的快照。</translation>
    </message>
    <message>
      <source>Use it for embeddings or for ranking documents, and choose a chat model for this.</source>
      <translation>请用它生成嵌入向量或给文档排序；这里请选择一个聊天模型。</translation>
    </message>
    <message>
      <source>Use one of these ids, or the path of the file.</source>
      <translation>请使用其中一个编号，或文件的路径。</translation>
    </message>
    <message>
      <source>Verify the file</source>
      <translation>校验文件</translation>
    </message>
    <message>
      <source>Verify the file, and download it again if it differs.</source>
      <translation>请校验文件，如有差异请重新下载。</translation>
    </message>
    <message>
      <source>Wait until it ends, or stop it.</source>
      <translation>请等它写完，或先停止它。</translation>
    </message>
    <message>
      <source>Wait until some of them are answered, then try again.</source>
      <translation>请等其中一些得到回答后再试。</translation>
    </message>
    <message>
      <source>Wait until the reply ends, or stop it with Esc.</source>
      <translation>请等回复写完，或按 Esc 停止。</translation>
    </message>
    <message>
      <source>What is quantization?</source>
      <translation>什么是量化？</translation>
    </message>
    <message>
      <source>When a conversation no longer fits the context</source>
      <translation>当对话超出上下文时</translation>
    </message>
    <message>
      <source>When this conversation no longer fits</source>
      <translation>当这个对话放不下时</translation>
    </message>
    <message>
      <source>Where {0} should be, there is none.</source>
      <translation>应有 {0} 的地方却没有。</translation>
    </message>
    <message>
      <source>Which file fits 8 GB of memory?</source>
      <translation>哪个文件适合 8 GB 内存？</translation>
    </message>
    <message>
      <source>Who the model is and how it should answer</source>
      <translation>模型是谁，应该怎样回答</translation>
    </message>
    <message>
      <source>Whole turns are left out, the oldest first; the system prompt stays.</source>
      <translation>按整轮省略，从最早的开始；系统提示词保留。</translation>
    </message>
    <message>
      <source>Write a message</source>
      <translation>写消息</translation>
    </message>
    <message>
      <source>Write a message…</source>
      <translation>写消息…</translation>
    </message>
    <message>
      <source>Written</source>
      <translation>写于</translation>
    </message>
    <message>
      <source>XTC probability</source>
      <translation>XTC 概率</translation>
    </message>
    <message>
      <source>XTC threshold</source>
      <translation>XTC 阈值</translation>
    </message>
    <message>
      <source>Yanmo is already open with this data.</source>
      <translation>研墨已经打开了这份数据。</translation>
    </message>
    <message>
      <source>Yanmo {version}. Local models, nothing leaves this machine: no telemetry, no account.</source>
      <translation>研墨 Yanmo {version}。本地模型，数据不出本机：没有遥测，无需账号。</translation>
    </message>
    <message>
      <source>Yesterday</source>
      <translation>昨天</translation>
    </message>
    <message>
      <source>You</source>
      <translation>你</translation>
    </message>
    <message>
      <source>Your data</source>
      <translation>你的数据</translation>
    </message>
    <message>
      <source>Your message</source>
      <translation>你的消息</translation>
    </message>
    <message>
      <source>adapter</source>
      <translation>适配器</translation>
    </message>
    <message>
      <source>all</source>
      <translation>全部</translation>
    </message>
    <message>
      <source>automatic</source>
      <translation>自动</translation>
    </message>
    <message>
      <source>base</source>
      <translation>基座</translation>
    </message>
    <message>
      <source>before an upgrade</source>
      <translation>升级之前</translation>
    </message>
    <message>
      <source>being computed…</source>
      <translation>正在计算…</translation>
    </message>
    <message>
      <source>chat</source>
      <translation>对话</translation>
    </message>
    <message>
      <source>context {count}</source>
      <translation>上下文 {count}</translation>
    </message>
    <message>
      <source>conversation</source>
      <translation>对话</translation>
    </message>
    <message>
      <source>daily</source>
      <translation>每日</translation>
    </message>
    <message>
      <source>embedding</source>
      <translation>嵌入</translation>
    </message>
    <message>
      <source>made by hand</source>
      <translation>手动</translation>
    </message>
    <message>
      <source>missing</source>
      <translation>已不存在</translation>
    </message>
    <message>
      <source>needs the torch engine</source>
      <translation>需要 torch 引擎</translation>
    </message>
    <message>
      <source>none</source>
      <translation>无</translation>
    </message>
    <message>
      <source>off</source>
      <translation>关</translation>
    </message>
    <message>
      <source>on</source>
      <translation>开</translation>
    </message>
    <message>
      <source>pasted picture</source>
      <translation>粘贴的图片</translation>
    </message>
    <message>
      <source>picture</source>
      <translation>图片</translation>
    </message>
    <message>
      <source>projector</source>
      <translation>投影器</translation>
    </message>
    <message>
      <source>random</source>
      <translation>随机</translation>
    </message>
    <message>
      <source>reranker</source>
      <translation>重排</translation>
    </message>
    <message>
      <source>text</source>
      <translation>文本</translation>
    </message>
    <message>
      <source>{0} cannot be opened: its disk may be read-only, or the file may belong to someone else.</source>
      <translation>无法打开 {0}：磁盘可能是只读的，或者文件属于其他用户。</translation>
    </message>
    <message>
      <source>{0} cannot be written: {1}.</source>
      <translation>无法写入 {0}：{1}。</translation>
    </message>
    <message>
      <source>{0} could not be written: {1}.</source>
      <translation>无法写入 {0}：{1}。</translation>
    </message>
    <message>
      <source>{0} does not exist.</source>
      <translation>{0} 不存在。</translation>
    </message>
    <message>
      <source>{0} is neither true nor false.</source>
      <translation>{0} 既不是真也不是假。</translation>
    </message>
    <message>
      <source>{0} of {1} layers fit the graphics memory; the processor computes the others.</source>
      <translation>显存放得下 {1} 层中的 {0} 层，其余由处理器计算。</translation>
    </message>
    <message>
      <source>{0}, {1} bits per weight, {2} MB: {3} smaller than {4}.</source>
      <translation>{0}，每权重 {1} 位，{2} MB：比 {4} 小 {3}。</translation>
    </message>
    <message>
      <source>{0}: {1}.</source>
      <translation>{0}：{1}。</translation>
    </message>
    <message>
      <source>{accepted} of {drafted} tokens right ({share})</source>
      <translation>{drafted} 个词元猜对 {accepted} 个（{share}）</translation>
    </message>
    <message>
      <source>{architecture}, {size} parameters, {quantization}</source>
      <translation>{architecture}，{size} 参数，{quantization}</translation>
    </message>
    <message>
      <source>{count} conversations were imported</source>
      <translation>已导入 {count} 个对话</translation>
    </message>
    <message>
      <source>{count} found</source>
      <translation>找到 {count} 条</translation>
    </message>
    <message>
      <source>{count} parameters</source>
      <translation>{count} 参数</translation>
    </message>
    <message>
      <source>{count} tokens</source>
      <translation>{count} 词元</translation>
    </message>
    <message>
      <source>{count} tokens, {cached} from the cache</source>
      <translation>{count} 词元，其中 {cached} 来自缓存</translation>
    </message>
    <message>
      <source>{count} were here already</source>
      <translation>其中 {count} 个已经在这里</translation>
    </message>
    <message>
      <source>{file} cannot be attached.</source>
      <translation>无法添加 {file}。</translation>
    </message>
    <message>
      <source>{file} cannot guess for {model}.</source>
      <translation>{file} 不能为 {model} 猜测。</translation>
    </message>
    <message>
      <source>{file} could not be imported.</source>
      <translation>无法导入 {file}。</translation>
    </message>
    <message>
      <source>{file} could not be quantized.</source>
      <translation>无法量化 {file}。</translation>
    </message>
    <message>
      <source>{file} is damaged.</source>
      <translation>{file} 已损坏。</translation>
    </message>
    <message>
      <source>{file} is not a GGUF model.</source>
      <translation>{file} 不是 GGUF 模型。</translation>
    </message>
    <message>
      <source>{file} is not a file that can be attached.</source>
      <translation>{file} 不是可以添加的文件。</translation>
    </message>
    <message>
      <source>{file} is {kind}, not a chat model.</source>
      <translation>{file} 是{kind}，不是对话模型。</translation>
    </message>
    <message>
      <source>{file} was made for a newer or a different engine.</source>
      <translation>{file} 是为更新的或其他引擎制作的。</translation>
    </message>
    <message>
      <source>{folder} has {free} left.</source>
      <translation>{folder} 只剩 {free}。</translation>
    </message>
    <message>
      <source>{model} cannot fill a gap in a text.</source>
      <translation>{model} 不能填补文本中的空缺。</translation>
    </message>
    <message>
      <source>{model} cannot hear sounds.</source>
      <translation>{model} 听不懂声音。</translation>
    </message>
    <message>
      <source>{model} cannot rank documents.</source>
      <translation>{model} 不能给文档排序。</translation>
    </message>
    <message>
      <source>{model} cannot see pictures.</source>
      <translation>{model} 看不懂图片。</translation>
    </message>
    <message>
      <source>{model} cannot write text.</source>
      <translation>{model} 不能写文字。</translation>
    </message>
    <message>
      <source>{model} has changed since it was last verified: download it again.</source>
      <translation>{model} 自上次校验后已改变：请重新下载。</translation>
    </message>
    <message>
      <source>{model} is not running</source>
      <translation>{model} 没有在运行</translation>
    </message>
    <message>
      <source>{model} is unchanged: every byte is as it was.</source>
      <translation>{model} 没有变化：每个字节都和原来一样。</translation>
    </message>
    <message>
      <source>{model} was read completely and its hash is kept.</source>
      <translation>已完整读取 {model} 并记下其哈希。</translation>
    </message>
    <message>
      <source>{seconds} s to first token</source>
      <translation>首词元 {seconds} s</translation>
    </message>
    <message>
      <source>{share} of guesses right</source>
      <translation>猜对 {share}</translation>
    </message>
    <message>
      <source>{size} MB of memory</source>
      <translation>占用 {size} MB 内存</translation>
    </message>
    <message>
      <source>{used} of {available} tokens are used by this conversation and the draft.</source>
      <translation>此对话与草稿已用 {used} / {available} 词元。</translation>
    </message>
    <message>
      <source>{used} of {available} tokens of context are used</source>
      <translation>上下文已用 {used} / {available} 词元</translation>
    </message>
    <message>
      <source>{waiting} requests are waiting for their turn already.</source>
      <translation>已有 {waiting} 个请求在排队。</translation>
    </message>
    <message>
      <source>“{0}.attention.head_count” is 0: a model without attention heads.</source>
      <translation>“{0}.attention.head_count”是 0：没有注意力头的模型。</translation>
    </message>
    <message>
      <source>“{0}.rope.dimension_count” is {1}; it must be even.</source>
      <translation>“{0}.rope.dimension_count”是 {1}；它必须是偶数。</translation>
    </message>
    <message>
      <source>“{0}.{1}” has {2} entries for {3} layers.</source>
      <translation>“{0}.{1}”有 {2} 项，而模型有 {3} 层。</translation>
    </message>
    <message>
      <source>“{0}.{1}” is {2}; it must lie between 0 and {3}.</source>
      <translation>“{0}.{1}”是 {2}；它必须在 0 到 {3} 之间。</translation>
    </message>
    <message>
      <source>“{0}.{1}” is {2}; it must lie between {3} and {4}.</source>
      <translation>“{0}.{1}”是 {2}；它必须在 {3} 到 {4} 之间。</translation>
    </message>
    <message>
      <source>“{0}” cannot be “{1}”.</source>
      <translation>“{0}”不能是“{1}”。</translation>
    </message>
    <message>
      <source>“{0}” is {1}, not a number.</source>
      <translation>“{0}”是 {1}，不是数字。</translation>
    </message>
    <message>
      <source>“{0}” is {1}; it must be positive.</source>
      <translation>“{0}”是 {1}；它必须是正数。</translation>
    </message>
    <message>
      <source>“{0}” is {1}; it must lie between 0 and 1.</source>
      <translation>“{0}”是 {1}；它必须在 0 到 1 之间。</translation>
    </message>
    <message>
      <source>“{0}” is {1}; it must not be negative.</source>
      <translation>“{0}”是 {1}；它不能是负数。</translation>
    </message>
    <message>
      <source>“{model}” could be any of several models.</source>
      <translation>“{model}”可能指多个模型。</translation>
    </message>
    <message>
      <source>“{option}” cannot be {value}.</source>
      <translation>“{option}”不能是 {value}。</translation>
    </message>
    <message>
      <source>“{title}” is in the trash</source>
      <translation>“{title}”已移入回收站</translation>
    </message>
  </context>
</TS>
