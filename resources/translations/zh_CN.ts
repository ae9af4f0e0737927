<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="zh_CN" sourcelanguage="en">
  <context>
    <name>yanmo</name>
    <message>
      <source>, </source>
      <translation>、</translation>
    </message>
    <message>
      <source>0 or more</source>
      <translation>0 或更大</translation>
    </message>
    <message>
      <source>1 to {0} texts</source>
      <translation>1 到 {0} 段文字</translation>
    </message>
    <message>
      <source>A C++ compiler is missing.</source>
      <translation>缺少 C++ 编译器。</translation>
    </message>
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
      <source>A file…</source>
      <translation>文件…</translation>
    </message>
    <message>
      <source>A little smaller, a little quicker, still hard to tell apart.</source>
      <translation>小一点，快一点，仍然难以分辨。</translation>
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
      <source>A question, to see which passages a model would be given</source>
      <translation>输入问题，看看会把哪些段落交给模型</translation>
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
      <source>A small model that guesses ahead, or layers of its own; the text stays the same</source>
      <translation>用什么提前猜测：同系列的小模型，或某些模型自带的层；生成的文字不变</translation>
    </message>
    <message>
      <source>A text claims to be {0} bytes long.</source>
      <translation>有一段文本声称长 {0} 字节。</translation>
    </message>
    <message>
      <source>A text shows which weights matter most; small types lose much less with it.</source>
      <translation>一段文本能看出哪些权重最要紧；有了它，小的类型损失会少很多。</translation>
    </message>
    <message>
      <source>A weight of it has {0} inputs, which is not a multiple of {1}: quantize it to GGUF instead.</source>
      <translation>其中一个权重有 {0} 个输入，不是 {1} 的倍数：请改为量化成 GGUF。</translation>
    </message>
    <message>
      <source>A weight of it has {0} inputs, which is not a multiple of {1}: take --group-size {2}.</source>
      <translation>其中一个权重有 {0} 个输入，不是 {1} 的倍数：请使用 --group-size {2}。</translation>
    </message>
    <message>
      <source>A weight of it has {0} outputs, which is not a multiple of {1}.</source>
      <translation>其中一个权重有 {0} 个输出，不是 {1} 的倍数。</translation>
    </message>
    <message>
      <source>AWQ is made from a checkpoint folder (safetensors), and this is a GGUF file.</source>
      <translation>AWQ 要由检查点文件夹（safetensors）制作，而这是 GGUF 文件。</translation>
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
      <source>Acceleration</source>
      <translation>加速</translation>
    </message>
    <message>
      <source>Adapters of this architecture are listed: GGUF for a GGUF model (“yanmo lora convert” makes them of PEFT's folders), PEFT's folders for a checkpoint.</source>
      <translation>这里列出适合这种架构的适配器：GGUF 模型用 GGUF 适配器（“yanmo lora convert”可以由 PEFT 文件夹生成），检查点用 PEFT 文件夹。</translation>
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
      <source>Add a folder</source>
      <translation>添加文件夹</translation>
    </message>
    <message>
      <source>Add a folder…</source>
      <translation>添加文件夹…</translation>
    </message>
    <message>
      <source>Add files</source>
      <translation>添加文件</translation>
    </message>
    <message>
      <source>Add files…</source>
      <translation>添加文件…</translation>
    </message>
    <message>
      <source>Address</source>
      <translation>地址</translation>
    </message>
    <message>
      <source>After {count} characters it differs from what was read before. Now: “{now}”. Before: “{then}”.</source>
      <translation>从第 {count} 个字符起与此前读过的内容不同。现在：“{now}”；此前：“{then}”。</translation>
    </message>
    <message>
      <source>All as usual</source>
      <translation>全部恢复默认</translation>
    </message>
    <message>
      <source>All kinds</source>
      <translation>所有种类</translation>
    </message>
    <message>
      <source>All of it</source>
      <translation>全部内容</translation>
    </message>
    <message>
      <source>All sources failed. {0} says: “{1}” {2} says: “{3}” Both were asked several times.</source>
      <translation>所有来源都失败了。{0}：“{1}” {2}：“{3}” 两者都已多次尝试。</translation>
    </message>
    <message>
      <source>Also show the models of:</source>
      <translation>同时显示以下程序的模型：</translation>
    </message>
    <message>
      <source>Also without it, to compare</source>
      <translation>再做一份不用矩阵的，便于比较</translation>
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
      <source>An importance matrix is needed for {types}.</source>
      <translation>{types} 需要重要性矩阵。</translation>
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
      <source>Another Python with torch, for safetensors and AWQ</source>
      <translation>另一个装有 torch 的 Python，用于 safetensors 和 AWQ</translation>
    </message>
    <message>
      <source>Another Yanmo (process {pid}) uses {folder}.</source>
      <translation>另一个研墨(进程 {pid})正在使用 {folder}。</translation>
    </message>
    <message>
      <source>Another Yanmo is downloading this file just now.</source>
      <translation>另一个研墨正在下载这个文件。</translation>
    </message>
    <message>
      <source>Answer</source>
      <translation>回答</translation>
    </message>
    <message>
      <source>Answer from documents</source>
      <translation>根据资料回答</translation>
    </message>
    <message>
      <source>Answered from {count} collections</source>
      <translation>根据 {count} 个资料集回答</translation>
    </message>
    <message>
      <source>Any format</source>
      <translation>不限格式</translation>
    </message>
    <message>
      <source>Any licence</source>
      <translation>不限许可证</translation>
    </message>
    <message>
      <source>Any size</source>
      <translation>不限大小</translation>
    </message>
    <message>
      <source>Any task</source>
      <translation>不限用途</translation>
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
      <source>As good as the original</source>
      <translation>与原版无异</translation>
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
      <source>Ask again</source>
      <translation>重新询问</translation>
    </message>
    <message>
      <source>Ask first</source>
      <translation>优先使用</translation>
    </message>
    <message>
      <source>Asking the hubs…</source>
      <translation>正在询问模型社区…</translation>
    </message>
    <message>
      <source>Asking the server…</source>
      <translation>正在询问服务器…</translation>
    </message>
    <message>
      <source>Assistant</source>
      <translation>助手</translation>
    </message>
    <message>
      <source>At most {0} pages can be shown as pictures at once.</source>
      <translation>一次最多可以把 {0} 页作为图片显示。</translation>
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
      <source>AutoAWQ, for most programs</source>
      <translation>AutoAWQ（用于大多数程序）</translation>
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
      <source>Balanced, for graphics cards</source>
      <translation>均衡，适合显卡</translation>
    </message>
    <message>
      <source>Batch size</source>
      <translation>批大小</translation>
    </message>
    <message>
      <source>Begin with the model's own</source>
      <translation>从模型自带的模板开始</translation>
    </message>
    <message>
      <source>Bends how the temperature follows the uncertainty.</source>
      <translation>调节温度随不确定程度变化的快慢。</translation>
    </message>
    <message>
      <source>Best for this machine</source>
      <translation>最适合本机</translation>
    </message>
    <message>
      <source>Both hubs</source>
      <translation>两个社区</translation>
    </message>
    <message>
      <source>Broken: it gives no numbers.</source>
      <translation>已损坏：输出不是数字。</translation>
    </message>
    <message>
      <source>Broken: it predicts worse than guessing.</source>
      <translation>已损坏：预测还不如瞎猜。</translation>
    </message>
    <message>
      <source>Broken: it writes nothing.</source>
      <translation>已损坏：什么也写不出来。</translation>
    </message>
    <message>
      <source>Broken: it writes the same again and again.</source>
      <translation>已损坏：反复写同样的内容。</translation>
    </message>
    <message>
      <source>By name</source>
      <translation>按名称</translation>
    </message>
    <message>
      <source>By parameters</source>
      <translation>按参数量</translation>
    </message>
    <message>
      <source>By size</source>
      <translation>按大小</translation>
    </message>
    <message>
      <source>By type</source>
      <translation>按类型</translation>
    </message>
    <message>
      <source>CPU only</source>
      <translation>仅用 CPU</translation>
    </message>
    <message>
      <source>CUDA toolkit</source>
      <translation>CUDA 工具包</translation>
    </message>
    <message>
      <source>Calibrated on</source>
      <translation>校准文本</translation>
    </message>
    <message>
      <source>Calls</source>
      <translation>调用记录</translation>
    </message>
    <message>
      <source>Cancel</source>
      <translation>取消</translation>
    </message>
    <message>
      <source>Cancel (Esc)</source>
      <translation>取消 (Esc)</translation>
    </message>
    <message>
      <source>Cancel and delete what arrived</source>
      <translation>取消并删除已下载的部分</translation>
    </message>
    <message>
      <source>Cancel loading</source>
      <translation>取消加载</translation>
    </message>
    <message>
      <source>Cancelled: {types}. What was finished is kept.</source>
      <translation>已取消：{types}。已完成的都保留着。</translation>
    </message>
    <message>
      <source>Change the value and try again.</source>
      <translation>请修改后重试。</translation>
    </message>
    <message>
      <source>Change what it names, or choose another model.</source>
      <translation>请按其说明修改，或选择另一个模型。</translation>
    </message>
    <message>
      <source>Changes take effect when the model is loaded again.</source>
      <translation>重新加载模型后生效。</translation>
    </message>
    <message>
      <source>Change…</source>
      <translation>更改…</translation>
    </message>
    <message>
      <source>Chat</source>
      <translation>对话</translation>
    </message>
    <message>
      <source>Check that it runs and that its address is right; “yanmo remote test” tries it.</source>
      <translation>请确认它正在运行、地址无误；可用“yanmo remote test”测试。</translation>
    </message>
    <message>
      <source>Check the address of the mirror and the proxy, or try again later.</source>
      <translation>请检查镜像地址和代理，或稍后再试。</translation>
    </message>
    <message>
      <source>Check the name, or search for it with “yanmo models search”.</source>
      <translation>请检查名称，或用“yanmo models search”搜索。</translation>
    </message>
    <message>
      <source>Check the network and the proxy, choose a mirror in the settings, or use the other hub.</source>
      <translation>请检查网络和代理，在设置中选择镜像，或改用另一个社区。</translation>
    </message>
    <message>
      <source>Check the path, or list what is here with “yanmo models list”.</source>
      <translation>请检查路径，或用 “yanmo models list” 列出现有模型。</translation>
    </message>
    <message>
      <source>Checkpoint…</source>
      <translation>检查点…</translation>
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
      <source>Choose a folder with a checkpoint</source>
      <translation>选择检查点所在的文件夹</translation>
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
      <source>Choose a model on the left.</source>
      <translation>请在左侧选择一个模型。</translation>
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
      <source>Choose a recipe</source>
      <translation>选择配方</translation>
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
      <source>Choose a text</source>
      <translation>选择文本</translation>
    </message>
    <message>
      <source>Choose an adapter that was made for this model, or load the model without it.</source>
      <translation>请选择为这个模型制作的适配器，或不带适配器加载模型。</translation>
    </message>
    <message>
      <source>Choose an importance matrix</source>
      <translation>选择重要性矩阵</translation>
    </message>
    <message>
      <source>Choose another file, or save it anew in the program that made it.</source>
      <translation>请选择其他文件，或用制作它的程序重新保存。</translation>
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
      <source>Choose another name.</source>
      <translation>请换一个名称。</translation>
    </message>
    <message>
      <source>Choose another one in the settings.</source>
      <translation>请在设置里另选一个。</translation>
    </message>
    <message>
      <source>Choose another port or address, or make a key first where others are to use it.</source>
      <translation>请换一个端口或地址；若要给别人用，请先创建密钥。</translation>
    </message>
    <message>
      <source>Choose the folder for the new files</source>
      <translation>选择新文件的存放位置</translation>
    </message>
    <message>
      <source>Choose the language model itself.</source>
      <translation>请选择语言模型本身。</translation>
    </message>
    <message>
      <source>Choose the projector (mmproj) that was made for this model, or load the model without it.</source>
      <translation>请选择为此模型制作的投影文件（mmproj），或不带投影文件加载模型。</translation>
    </message>
    <message>
      <source>Choose…</source>
      <translation>选择…</translation>
    </message>
    <message>
      <source>Clear</source>
      <translation>清空</translation>
    </message>
    <message>
      <source>Clear what is done</source>
      <translation>清除已完成</translation>
    </message>
    <message>
      <source>Close</source>
      <translation>关闭</translation>
    </message>
    <message>
      <source>Close other programs and try again.</source>
      <translation>请关闭其他程序后重试。</translation>
    </message>
    <message>
      <source>Code</source>
      <translation>代码</translation>
    </message>
    <message>
      <source>Collections</source>
      <translation>资料集</translation>
    </message>
    <message>
      <source>Command</source>
      <translation>命令</translation>
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
      <source>Compiler</source>
      <translation>编译器</translation>
    </message>
    <message>
      <source>Connect</source>
      <translation>连接</translation>
    </message>
    <message>
      <source>Connect a program</source>
      <translation>连接程序</translation>
    </message>
    <message>
      <source>Connecting…</source>
      <translation>正在连接…</translation>
    </message>
    <message>
      <source>Connections</source>
      <translation>连接</translation>
    </message>
    <message>
      <source>Connections to other machines since Yanmo was started: {count}.</source>
      <translation>研墨启动以来与其他机器的连接：{count} 次。</translation>
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
      <source>Convert it to GGUF (“yanmo convert”, or the Quantize page), which llama.cpp computes, or choose another model.</source>
      <translation>把它转换成 GGUF（“yanmo convert”或“量化”页面），由 llama.cpp 计算，或者换一个模型。</translation>
    </message>
    <message>
      <source>Converting</source>
      <translation>正在转换</translation>
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
      <source>Copy as Python</source>
      <translation>复制为 Python</translation>
    </message>
    <message>
      <source>Copy as curl</source>
      <translation>复制为 curl</translation>
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
      <source>Ctrl+← and Ctrl+→ move it</source>
      <translation>按 Ctrl+← 和 Ctrl+→ 移动</translation>
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
      <source>Data</source>
      <translation>数据</translation>
    </message>
    <message>
      <source>Defaults</source>
      <translation>默认设置</translation>
    </message>
    <message>
      <source>Defaults of {name}</source>
      <translation>{name} 的默认设置</translation>
    </message>
    <message>
      <source>Defaults…</source>
      <translation>默认设置…</translation>
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
      <source>Delete the collection</source>
      <translation>删除资料集</translation>
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
      <source>Delete {name} from the disk? {size} become free.</source>
      <translation>从磁盘删除 {name}？将释放 {size}。</translation>
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
      <source>Device</source>
      <translation>设备</translation>
    </message>
    <message>
      <source>Devices and requests at once</source>
      <translation>设备与同时请求数</translation>
    </message>
    <message>
      <source>Devices, threads and requests at once are in the chat's panel, under Model.</source>
      <translation>设备、线程和同时请求数在对话面板的“模型”页中。</translation>
    </message>
    <message>
      <source>Display</source>
      <translation>显示</translation>
    </message>
    <message>
      <source>Download the folder again: config.json, the tokenizer and every safetensors file belong to it.</source>
      <translation>请重新下载整个文件夹：config.json、分词器和每个 safetensors 文件都属于它。</translation>
    </message>
    <message>
      <source>Download the projector</source>
      <translation>下载投影文件</translation>
    </message>
    <message>
      <source>Download the projector from the model's repository into the folder of the model, or choose another model.</source>
      <translation>请从模型的仓库把投影文件下载到模型所在的文件夹，或选择其他模型。</translation>
    </message>
    <message>
      <source>Download them? The old ones stay until then.</source>
      <translation>要下载吗？下载完成前保留旧文件。</translation>
    </message>
    <message>
      <source>Download {size}</source>
      <translation>下载 {size}</translation>
    </message>
    <message>
      <source>Downloads</source>
      <translation>下载</translation>
    </message>
    <message>
      <source>Downloads ({count})</source>
      <translation>下载（{count}）</translation>
    </message>
    <message>
      <source>Draft model</source>
      <translation>草稿模型</translation>
    </message>
    <message>
      <source>Draw a frame around what is to be shown; Esc leaves</source>
      <translation>拖动鼠标框选要展示的部分，按 Esc 离开</translation>
    </message>
    <message>
      <source>Drops tokens less likely than this share of the likeliest one.</source>
      <translation>去掉概率低于最可能词元此比例的词元。</translation>
    </message>
    <message>
      <source>Each group of tensors is quantized alone and measured, then the types are chosen that cost least. That takes a while; it can be stopped, and goes on where it was.</source>
      <translation>先把每组张量单独量化并测量，再选出代价最小的类型。这需要一些时间；可以随时停止，下次从停下的地方继续。</translation>
    </message>
    <message>
      <source>Earlier</source>
      <translation>提前</translation>
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
      <source>Embedding</source>
      <translation>嵌入</translation>
    </message>
    <message>
      <source>Empty: the model's own template</source>
      <translation>留空：使用模型自带的模板</translation>
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
      <source>Error: {error}</source>
      <translation>错误：{error}</translation>
    </message>
    <message>
      <source>Everything that was downloaded is what the hubs have</source>
      <translation>下载的文件都与模型社区上的一致</translation>
    </message>
    <message>
      <source>Everything written so far is kept. Load the model again and go on.</source>
      <translation>已写出的内容全部保留。请重新加载模型后继续。</translation>
    </message>
    <message>
      <source>Experts in four bits are not read: transformers would leave them to chance.</source>
      <translation>不读取四位的专家：transformers 会让它们保持随机。</translation>
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
      <source>Export…</source>
      <translation>导出…</translation>
    </message>
    <message>
      <source>Failed</source>
      <translation>失败</translation>
    </message>
    <message>
      <source>Failed: {types}. What was finished is kept.</source>
      <translation>失败：{types}。已完成的都保留着。</translation>
    </message>
    <message>
      <source>Fetch pictures by address</source>
      <translation>按地址获取图片</translation>
    </message>
    <message>
      <source>Fewer settings</source>
      <translation>收起更多设置</translation>
    </message>
    <message>
      <source>Files</source>
      <translation>文件数</translation>
    </message>
    <message>
      <source>Files and folders</source>
      <translation>文件和文件夹</translation>
    </message>
    <message>
      <source>Find</source>
      <translation>查找</translation>
    </message>
    <message>
      <source>Find a recipe</source>
      <translation>寻找配方</translation>
    </message>
    <message>
      <source>Find passages</source>
      <translation>查找段落</translation>
    </message>
    <message>
      <source>Find the best…</source>
      <translation>寻找最佳…</translation>
    </message>
    <message>
      <source>First token</source>
      <translation>首词元</translation>
    </message>
    <message>
      <source>Fits</source>
      <translation>放得下</translation>
    </message>
    <message>
      <source>Flash attention</source>
      <translation>Flash attention</translation>
    </message>
    <message>
      <source>Folders and documents to answer from. They stay where they are and are only read; answers cite passage and page.</source>
      <translation>用来回答问题的文件夹和文档。它们留在原处，只会被读取；回答会注明段落和页码。</translation>
    </message>
    <message>
      <source>For those who have the room and want no doubts.</source>
      <translation>空间充裕、不想有任何疑虑时选它。</translation>
    </message>
    <message>
      <source>Forget</source>
      <translation>忘记</translation>
    </message>
    <message>
      <source>Forget the middle</source>
      <translation>忘掉中间部分</translation>
    </message>
    <message>
      <source>Forget this collection? Its documents are not deleted.</source>
      <translation>要移除这个资料集吗？其中的文档不会被删除。</translation>
    </message>
    <message>
      <source>Format</source>
      <translation>格式</translation>
    </message>
    <message>
      <source>Found: {size} with a KL divergence of {kl}, measured as a whole.</source>
      <translation>找到：{size}，整体测得的 KL 散度为 {kl}。</translation>
    </message>
    <message>
      <source>Free some space or choose another folder for models. What has arrived is kept.</source>
      <translation>请释放一些空间，或为模型选择其他文件夹。已下载的部分会保留。</translation>
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
      <source>From</source>
      <translation>来自</translation>
    </message>
    <message>
      <source>From a file…</source>
      <translation>从文件读取…</translation>
    </message>
    <message>
      <source>From my conversations</source>
      <translation>用我的对话计算</translation>
    </message>
    <message>
      <source>From the built-in text</source>
      <translation>用内置文本计算</translation>
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
      <source>Give this connection the right key in the settings, or with “yanmo remote key”.</source>
      <translation>请在设置中或用“yanmo remote key”为此连接填写正确的密钥。</translation>
    </message>
    <message>
      <source>Go on</source>
      <translation>继续</translation>
    </message>
    <message>
      <source>Go to the chat</source>
      <translation>转到对话</translation>
    </message>
    <message>
      <source>Go to the documents to answer from</source>
      <translation>打开资料页</translation>
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
      <source>Good first models, chosen on {date}</source>
      <translation>入门推荐（选于 {date}）</translation>
    </message>
    <message>
      <source>Group size</source>
      <translation>组大小</translation>
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
      <source>Guessing by its own layers is not possible for “{0}” yet.</source>
      <translation>“{0}” 暂不支持用自带的层提前猜测。</translation>
    </message>
    <message>
      <source>Half of the pair for “{0}” is missing.</source>
      <translation>“{0}”的一对矩阵缺了一半。</translation>
    </message>
    <message>
      <source>Half the size, and no difference that can be measured in answers.</source>
      <translation>大小减半，回答上测不出差别。</translation>
    </message>
    <message>
      <source>Hardly a difference</source>
      <translation>几乎没有差别</translation>
    </message>
    <message>
      <source>Hears</source>
      <translation>听音</translation>
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
      <source>Host</source>
      <translation>主机</translation>
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
      <source>How it pools tokens is its own choice.</source>
      <translation>词元的池化方式由它自行决定。</translation>
    </message>
    <message>
      <source>How many tokens the penalties look back on.</source>
      <translation>惩罚向前回看多少个词元。</translation>
    </message>
    <message>
      <source>How memory and threads are spread over several processors</source>
      <translation>内存和线程如何分布在多个处理器上</translation>
    </message>
    <message>
      <source>How often the likeliest choices are left out; 0 is off.</source>
      <translation>以多大概率略去最可能的选项；0 为关闭。</translation>
    </message>
    <message>
      <source>How several GPUs share the model</source>
      <translation>多个 GPU 如何分担模型</translation>
    </message>
    <message>
      <source>How this reply was made</source>
      <translation>这条回复是怎样生成的</translation>
    </message>
    <message>
      <source>Hub</source>
      <translation>社区</translation>
    </message>
    <message>
      <source>Hubs</source>
      <translation>模型社区</translation>
    </message>
    <message>
      <source>Id or path of a small model that guesses ahead, or “own” for layers of its own (MTP); the text stays the same</source>
      <translation>用什么提前猜测：同系列小模型的 id 或路径，或填 “own” 使用某些模型自带的层；文本保持不变</translation>
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
      <source>Importance matrices (*.gguf *.dat);;All files (*)</source>
      <translation>重要性矩阵 (*.gguf *.dat);;所有文件 (*)</translation>
    </message>
    <message>
      <source>Importance matrix</source>
      <translation>重要性矩阵</translation>
    </message>
    <message>
      <source>Importance matrix: {windows} windows read, {touched} of {total} matrices used.</source>
      <translation>重要性矩阵：读了 {windows} 个窗口，{total} 个矩阵中用到 {touched} 个。</translation>
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
      <source>In which proportion GPUs take the model, with commas between</source>
      <translation>各 GPU 按什么比例分担模型，用逗号分隔</translation>
    </message>
    <message>
      <source>Install Yanmo again, or import another model.</source>
      <translation>请重新安装研墨，或导入其他模型。</translation>
    </message>
    <message>
      <source>Install Yanmo from a clone too (“make run ACCEL=cuda”). Both use the same models and conversations.</source>
      <translation>请另外从仓库安装研墨（“make run ACCEL=cuda”）。两者共用同样的模型和对话。</translation>
    </message>
    <message>
      <source>Install Yanmo's package again.</source>
      <translation>请重新安装研墨的安装包。</translation>
    </message>
    <message>
      <source>Install the CUDA toolkit (nvcc), then run “make run ACCEL=cuda”.</source>
      <translation>请安装 CUDA 工具包（nvcc），再运行 “make run ACCEL=cuda”。</translation>
    </message>
    <message>
      <source>Interrupted: the program ended</source>
      <translation>中断：程序已结束</translation>
    </message>
    <message>
      <source>Interrupted: {types}. What was finished is kept.</source>
      <translation>已中断：{types}。已完成的都保留着。</translation>
    </message>
    <message>
      <source>Into {folder}</source>
      <translation>存入 {folder}</translation>
    </message>
    <message>
      <source>It and its base have different vocabularies, so their answers cannot be compared.</source>
      <translation>它与原模型的词表不同，回答无法比较。</translation>
    </message>
    <message>
      <source>It answered with status {0}.</source>
      <translation>它以状态码 {0} 应答。</translation>
    </message>
    <message>
      <source>It answers after {milliseconds} ms.</source>
      <translation>{milliseconds} 毫秒后应答。</translation>
    </message>
    <message>
      <source>It answers with a web page: a sign-in page of the network, or an error page.</source>
      <translation>对方返回的是网页：可能是网络登录页或错误页。</translation>
    </message>
    <message>
      <source>It answers, but not as such a server does: no JSON.</source>
      <translation>它有应答，但不像这类服务器：不是 JSON。</translation>
    </message>
    <message>
      <source>It answers: {answer}</source>
      <translation>它回答：{answer}</translation>
    </message>
    <message>
      <source>It asks to come back later: too many requests.</source>
      <translation>请求过多，对方要求稍后再试。</translation>
    </message>
    <message>
      <source>It broke off the connection.</source>
      <translation>对方中断了连接。</translation>
    </message>
    <message>
      <source>It cannot be read: {0}.</source>
      <translation>无法读取：{0}。</translation>
    </message>
    <message>
      <source>It cannot go on with a reply that was begun.</source>
      <translation>它不能接着已开头的回复往下写。</translation>
    </message>
    <message>
      <source>It cannot share its room with {0}: {1}.</source>
      <translation>无法与 {0} 共用空间：{1}。</translation>
    </message>
    <message>
      <source>It changed while it was read.</source>
      <translation>读取过程中文件发生了变化。</translation>
    </message>
    <message>
      <source>It changes how the model sees, which is not supported.</source>
      <translation>它改变了模型看图的方式，这不受支持。</translation>
    </message>
    <message>
      <source>It changes “{0}”, which the base does not have in this shape.</source>
      <translation>它要修改“{0}”，但基础模型里没有这个形状的张量。</translation>
    </message>
    <message>
      <source>It changes “{0}”, which this model does not have.</source>
      <translation>它改动“{0}”，而这个模型里没有它。</translation>
    </message>
    <message>
      <source>It claims to have {0} pages.</source>
      <translation>它声称有 {0} 页。</translation>
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
      <source>It did not answer in time.</source>
      <translation>它没有及时应答。</translation>
    </message>
    <message>
      <source>It did not score every document.</source>
      <translation>它没有为每个文档评分。</translation>
    </message>
    <message>
      <source>It did not send one vector for each text.</source>
      <translation>它没有为每段文本返回一个向量。</translation>
    </message>
    <message>
      <source>It does not accept connections.</source>
      <translation>对方拒绝连接。</translation>
    </message>
    <message>
      <source>It does not accept your token.</source>
      <translation>对方不接受你的令牌。</translation>
    </message>
    <message>
      <source>It does not answer: {reason}</source>
      <translation>它没有回答：{reason}</translation>
    </message>
    <message>
      <source>It does not begin as a GGUF file does.</source>
      <translation>它的开头不是 GGUF 文件的样子。</translation>
    </message>
    <message>
      <source>It does not say what the tokens stand for.</source>
      <translation>它没有说明这些词元代表什么。</translation>
    </message>
    <message>
      <source>It does not say which architecture it has.</source>
      <translation>它没有说明是什么架构。</translation>
    </message>
    <message>
      <source>It does not say which part of the file it sends.</source>
      <translation>对方没有说明发送的是文件的哪一部分。</translation>
    </message>
    <message>
      <source>It does not say which tokens a text has.</source>
      <translation>它没有说明文本包含哪些词元。</translation>
    </message>
    <message>
      <source>It does not show its tokenizer and template.</source>
      <translation>它不公开自己的分词器和模板。</translation>
    </message>
    <message>
      <source>It does not show the prompt.</source>
      <translation>它没有给出提示词。</translation>
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
      <source>It gives no numbers.</source>
      <translation>输出不是数字。</translation>
    </message>
    <message>
      <source>It goes on from what was read before.</source>
      <translation>它接着此前读过的内容。</translation>
    </message>
    <message>
      <source>It has almost stopped sending.</source>
      <translation>对方几乎停止了发送。</translation>
    </message>
    <message>
      <source>It has neither a tokenizer.json nor a SentencePiece model; a tokenizer of Python code cannot be converted.</source>
      <translation>它既没有 tokenizer.json，也没有 SentencePiece 模型；用 Python 代码写的分词器无法转换。</translation>
    </message>
    <message>
      <source>It has no device {0} here: there is {1}.</source>
      <translation>这里没有设备 {0}：可用的有 {1}。</translation>
    </message>
    <message>
      <source>It has no layers of its own for guessing ahead (multi-token prediction).</source>
      <translation>它没有用于提前猜测（多词元预测）的自带层。</translation>
    </message>
    <message>
      <source>It has no page {0}.</source>
      <translation>它没有第 {0} 页。</translation>
    </message>
    <message>
      <source>It has no part that sees pictures.</source>
      <translation>它没有看图的部分。</translation>
    </message>
    <message>
      <source>It has no pixels.</source>
      <translation>它没有任何像素。</translation>
    </message>
    <message>
      <source>It has {0} bytes instead of {1}.</source>
      <translation>文件有 {0} 字节，而不是 {1} 字节。</translation>
    </message>
    <message>
      <source>It has {0} tokens and the base has {1}: they cannot be compared.</source>
      <translation>它有 {0} 个词元，而基准有 {1} 个：无法比较。</translation>
    </message>
    <message>
      <source>It has {0} × {1} pixels; at most {2} million can be opened safely.</source>
      <translation>它有 {0} × {1} 像素；最多能安全打开 {2} 百万像素。</translation>
    </message>
    <message>
      <source>It has {count}.</source>
      <translation>它共有 {count} 页。</translation>
    </message>
    <message>
      <source>It has {needed} tokens and the model reads {available} at once.</source>
      <translation>它有 {needed} 个词元，而模型一次读 {available} 个。</translation>
    </message>
    <message>
      <source>It has {needed} tokens, and {available} are left in the context.</source>
      <translation>它有 {needed} 个词元，上下文中只剩 {available} 个。</translation>
    </message>
    <message>
      <source>It holds no importance matrix.</source>
      <translation>它不含重要性矩阵。</translation>
    </message>
    <message>
      <source>It holds no pairs.</source>
      <translation>其中没有成对的矩阵。</translation>
    </message>
    <message>
      <source>It holds no sheet.</source>
      <translation>其中没有工作表。</translation>
    </message>
    <message>
      <source>It holds no tensors of the part that sees pictures.</source>
      <translation>它不含看图部分的张量。</translation>
    </message>
    <message>
      <source>It holds no token embeddings.</source>
      <translation>其中没有词元嵌入。</translation>
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
      <source>It holds values that are no numbers.</source>
      <translation>其中有不是数字的值。</translation>
    </message>
    <message>
      <source>It holds {0} of the {1} experts of “{2}”.</source>
      <translation>“{2}”的 {1} 个专家里只有 {0} 个。</translation>
    </message>
    <message>
      <source>It holds “{0}”, which is no part of a LoRA.</source>
      <translation>其中的“{0}”不属于 LoRA。</translation>
    </message>
    <message>
      <source>It ignores which part of the file was asked for.</source>
      <translation>对方不理会请求的是文件的哪一部分。</translation>
    </message>
    <message>
      <source>It is MiniCPM-V {0}: here versions {1} are known, 2.0 sees with another kind of tower.</source>
      <translation>这是 MiniCPM-V {0}：这里支持的版本是 {1}；2.0 用的是另一种视觉塔。</translation>
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
      <source>It is a HEIC picture, which this installation cannot read; save it as JPEG.</source>
      <translation>它是 HEIC 图片，当前安装无法读取；请另存为 JPEG。</translation>
    </message>
    <message>
      <source>It is a Unigram model that falls back on bytes, which llama.cpp cannot do.</source>
      <translation>它是带字节回退的 Unigram 模型，llama.cpp 做不到这一点。</translation>
    </message>
    <message>
      <source>It is a ZIP or PyTorch archive.</source>
      <translation>它是 ZIP 或 PyTorch 压缩包。</translation>
    </message>
    <message>
      <source>It is a compressed archive; unpack it first.</source>
      <translation>它是压缩包，请先解压。</translation>
    </message>
    <message>
      <source>It is a database.</source>
      <translation>它是数据库。</translation>
    </message>
    <message>
      <source>It is a drawing made of text (SVG or HTML), which may refer to other files.</source>
      <translation>它是由文本构成的图形（SVG 或 HTML），可能引用其他文件。</translation>
    </message>
    <message>
      <source>It is a folder.</source>
      <translation>它是文件夹。</translation>
    </message>
    <message>
      <source>It is a mixture of experts (“{0}”): the loaders that AWQ files are made for would leave its experts unset. Quantize it to GGUF, which has a layout for experts.</source>
      <translation>这是混合专家模型（“{0}”）：读取 AWQ 文件的程序会让其专家权重保持未设置。请把它量化为 GGUF，GGUF 有专家的存储格式。</translation>
    </message>
    <message>
      <source>It is a model.</source>
      <translation>它是模型。</translation>
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
      <source>It is a picture.</source>
      <translation>它是图片。</translation>
    </message>
    <message>
      <source>It is a program.</source>
      <translation>它是程序。</translation>
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
      <source>It is an archive, but no document of Word, Excel or PowerPoint, and no electronic book.</source>
      <translation>它是压缩包，但不是 Word、Excel、PowerPoint 文档，也不是电子书。</translation>
    </message>
    <message>
      <source>It is cut off ({0}).</source>
      <translation>文件不完整（{0}）。</translation>
    </message>
    <message>
      <source>It is cut off or is no importance matrix.</source>
      <translation>文件被截断，或者不是重要性矩阵。</translation>
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
      <source>It is cut off: {0} of {1} bytes are there.</source>
      <translation>文件不完整：{1} 字节中只有 {0} 字节。</translation>
    </message>
    <message>
      <source>It is cut off: {0} of {1} seconds are there.</source>
      <translation>文件不完整：{1} 秒中只有 {0} 秒。</translation>
    </message>
    <message>
      <source>It is cut off: “{0}” lies beyond its end.</source>
      <translation>文件不完整：“{0}”在文件末尾之外。</translation>
    </message>
    <message>
      <source>It is damaged ({0}).</source>
      <translation>它已损坏（{0}）。</translation>
    </message>
    <message>
      <source>It is damaged or of an unknown kind ({0}).</source>
      <translation>它已损坏或类型未知（{0}）。</translation>
    </message>
    <message>
      <source>It is damaged, or no PDF although it begins like one.</source>
      <translation>它已损坏，或只是开头像 PDF。</translation>
    </message>
    <message>
      <source>It is damaged, or not what its name says.</source>
      <translation>它已损坏，或内容与文件名不符。</translation>
    </message>
    <message>
      <source>It is damaged.</source>
      <translation>它已损坏。</translation>
    </message>
    <message>
      <source>It is damaged: {0} while reading it.</source>
      <translation>它已损坏：读取时出现 {0}。</translation>
    </message>
    <message>
      <source>It is empty inside: the download was interrupted.</source>
      <translation>文件内容是空的：下载被中断了。</translation>
    </message>
    <message>
      <source>It is empty.</source>
      <translation>文件是空的。</translation>
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
      <source>It is locked with a password, or was written by an Office from before 2007; save it as .docx, .xlsx or .pptx.</source>
      <translation>它有密码保护，或是 2007 年以前的 Office 格式；请另存为 .docx、.xlsx 或 .pptx。</translation>
    </message>
    <message>
      <source>It is locked with a password.</source>
      <translation>它有密码保护。</translation>
    </message>
    <message>
      <source>It is longer than {0} minutes.</source>
      <translation>它长于 {0} 分钟。</translation>
    </message>
    <message>
      <source>It is missing.</source>
      <translation>缺少。</translation>
    </message>
    <message>
      <source>It is neither a picture, a sound nor text that can be read.</source>
      <translation>它既不是图片、声音，也不是可以读取的文本。</translation>
    </message>
    <message>
      <source>It is neither text nor a document of a kind that is known here.</source>
      <translation>它不是文本，也不是这里认识的文档。</translation>
    </message>
    <message>
      <source>It is nested deeper than any document that is meant to be read.</source>
      <translation>它的嵌套层数远超正常文档。</translation>
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
      <source>It is no SentencePiece model ({0}).</source>
      <translation>它不是 SentencePiece 模型（{0}）。</translation>
    </message>
    <message>
      <source>It is no address of a model on another server.</source>
      <translation>这不是其他服务器上模型的地址。</translation>
    </message>
    <message>
      <source>It is no ordinary file.</source>
      <translation>它不是普通文件。</translation>
    </message>
    <message>
      <source>It is no projector.</source>
      <translation>它不是投影文件。</translation>
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
      <source>It is not a picture that can be read here.</source>
      <translation>它不是这里能读取的图片。</translation>
    </message>
    <message>
      <source>It is not a sound that can be read here (WAV, FLAC, MP3 or OGG).</source>
      <translation>它不是这里能读取的声音（WAV、FLAC、MP3 或 OGG）。</translation>
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
      <source>It is not in the collection “{0}”.</source>
      <translation>它不在资料集“{0}”里。</translation>
    </message>
    <message>
      <source>It is not installed.</source>
      <translation>没有安装。</translation>
    </message>
    <message>
      <source>It is not installed: only AWQ and safetensors models need it.</source>
      <translation>没有安装：只有 AWQ 和 safetensors 模型需要它。</translation>
    </message>
    <message>
      <source>It is not part of the packaged app, and there is no torch pack yet: {0}.</source>
      <translation>安装包里没有它，也还没有 torch 包：{0}。</translation>
    </message>
    <message>
      <source>It is of version {0}, and this Yanmo reads version {1}.</source>
      <translation>它是第 {0} 版，而这个研墨读取第 {1} 版。</translation>
    </message>
    <message>
      <source>It is on its way</source>
      <translation>已开始下载</translation>
    </message>
    <message>
      <source>It is only needed to build the engine anew.</source>
      <translation>只有重新编译引擎时才需要。</translation>
    </message>
    <message>
      <source>It is quantized already ({0}): take the checkpoint that it was made from.</source>
      <translation>它已经量化过了（{0}）：请使用量化之前的检查点。</translation>
    </message>
    <message>
      <source>It is quantized already: a search needs the model it was made from.</source>
      <translation>它已经量化过了：搜索需要量化之前的模型。</translation>
    </message>
    <message>
      <source>It is quantized already: quantizing it again would add to the loss.</source>
      <translation>它已经量化过：再量化一次会加大损失。</translation>
    </message>
    <message>
      <source>It is the model that new conversations use.</source>
      <translation>它是新对话使用的模型。</translation>
    </message>
    <message>
      <source>It is too narrow to be seen: {0} × {1} pixels.</source>
      <translation>它太窄，无法查看：{0} × {1} 像素。</translation>
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
      <source>It lies on another machine; “yanmo remote” keeps the connection to that.</source>
      <translation>它在另一台机器上；其连接由“yanmo remote”管理。</translation>
    </message>
    <message>
      <source>It marks the file as another one than before.</source>
      <translation>对方标明文件已与之前不同。</translation>
    </message>
    <message>
      <source>It must be {allowed}.</source>
      <translation>必须是 {allowed}。</translation>
    </message>
    <message>
      <source>It needs more memory than a file may take.</source>
      <translation>它所需的内存超过单个文件允许的上限。</translation>
    </message>
    <message>
      <source>It needs more memory than a picture may take.</source>
      <translation>它所需的内存超过单张图片允许的上限。</translation>
    </message>
    <message>
      <source>It needs the torch engine: Settings → About → This machine… says how to add it.</source>
      <translation>需要 torch 引擎：设置 → 关于 → 这台机器… 会说明怎样添加。</translation>
    </message>
    <message>
      <source>It needs {needed} more, and {folder} has {free} left.</source>
      <translation>还需要 {needed}，而 {folder} 只剩 {free}。</translation>
    </message>
    <message>
      <source>It needs {needed} tokens and the context holds {available}.</source>
      <translation>它需要 {needed} 词元，而上下文只能容纳 {available}。</translation>
    </message>
    <message>
      <source>It offers {candidates}.</source>
      <translation>可选的有 {candidates}。</translation>
    </message>
    <message>
      <source>It predicts worse than guessing.</source>
      <translation>预测还不如瞎猜。</translation>
    </message>
    <message>
      <source>It produces an endless text.</source>
      <translation>它会产生没有尽头的文本。</translation>
    </message>
    <message>
      <source>It reports error {0}.</source>
      <translation>对方报告错误 {0}。</translation>
    </message>
    <message>
      <source>It runs on another server, so it takes no memory here.</source>
      <translation>它在另一台服务器上运行，不占用本机内存。</translation>
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
      <source>It sends the file compressed although that was not asked for.</source>
      <translation>对方未经请求就压缩了文件。</translation>
    </message>
    <message>
      <source>It sends the reader in circles.</source>
      <translation>对方不断重定向。</translation>
    </message>
    <message>
      <source>It sends the reader to an address that is not safe.</source>
      <translation>对方重定向到不安全的地址。</translation>
    </message>
    <message>
      <source>It sends the request on to another address. Use that address instead.</source>
      <translation>它把请求转往另一个地址。请直接使用那个地址。</translation>
    </message>
    <message>
      <source>It sent bytes {0} to {1} where {2} to {3} were asked for.</source>
      <translation>请求的是第 {2} 到 {3} 字节，对方却发送了第 {0} 到 {1} 字节。</translation>
    </message>
    <message>
      <source>It sent something that is no reply.</source>
      <translation>它发来的不是回复。</translation>
    </message>
    <message>
      <source>It sent something that is no reply: {0}.</source>
      <translation>它发来的不是回复：{0}。</translation>
    </message>
    <message>
      <source>It stays silent.</source>
      <translation>对方没有响应。</translation>
    </message>
    <message>
      <source>It takes a JSON schema as the form of a reply, and no grammar.</source>
      <translation>它只接受以 JSON Schema 规定回复格式，不接受语法。</translation>
    </message>
    <message>
      <source>It took the request and then said nothing for too long.</source>
      <translation>它收下了请求，之后过久没有回应。</translation>
    </message>
    <message>
      <source>It tried to reach something outside of itself: {0}.</source>
      <translation>它试图访问自身以外的内容：{0}。</translation>
    </message>
    <message>
      <source>It unpacks to far more than a document would: it may have been made to fill the memory.</source>
      <translation>它解压后远大于正常文档，可能是为耗尽内存而制作的。</translation>
    </message>
    <message>
      <source>It wakes only after certain words of a prompt (aLoRA), which is not supported.</source>
      <translation>它只在提示词出现特定词语后才生效（aLoRA），这里不支持。</translation>
    </message>
    <message>
      <source>It wants you to sign in, or to accept conditions first.</source>
      <translation>对方要求先登录或接受条款。</translation>
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
      <source>It was made for a model of another size.</source>
      <translation>它是为另一种大小的模型制作的。</translation>
    </message>
    <message>
      <source>It was made for a model whose embeddings have {0} numbers, and this model's have {1}.</source>
      <translation>它是为嵌入维度为 {0} 的模型制作的，而此模型的嵌入维度是 {1}。</translation>
    </message>
    <message>
      <source>It was made for models of the kind {0}, and this one is of the kind {1}.</source>
      <translation>它是为 {0} 类模型制作的，而此模型属于 {1} 类。</translation>
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
      <source>It writes nothing.</source>
      <translation>什么也写不出来。</translation>
    </message>
    <message>
      <source>It writes the same again and again.</source>
      <translation>反复写同样的内容。</translation>
    </message>
    <message>
      <source>Its SentencePiece model is neither a BPE nor a Unigram model.</source>
      <translation>它的 SentencePiece 模型既不是 BPE 也不是 Unigram。</translation>
    </message>
    <message>
      <source>Its WordPiece tokenizer does not prepare text as BERT does.</source>
      <translation>它的 WordPiece 分词器预处理文本的方式与 BERT 不同。</translation>
    </message>
    <message>
      <source>Its XML declares entities of its own, as no document does that is meant to be read.</source>
      <translation>其中的 XML 自定义了实体，正常的文档不会这样做。</translation>
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
      <source>Its archive holds more than {0} files.</source>
      <translation>其中的压缩包含有超过 {0} 个文件。</translation>
    </message>
    <message>
      <source>Its archive is damaged or cut off.</source>
      <translation>其中的压缩包已损坏或不完整。</translation>
    </message>
    <message>
      <source>Its beginning, so many tokens:</source>
      <translation>只要开头，词元数：</translation>
    </message>
    <message>
      <source>Its card cannot be read back.</source>
      <translation>它的质量卡无法读回。</translation>
    </message>
    <message>
      <source>Its certificate cannot be trusted.</source>
      <translation>对方的证书不可信。</translation>
    </message>
    <message>
      <source>Its certificate is not trusted: {0}.</source>
      <translation>其证书不受信任：{0}。</translation>
    </message>
    <message>
      <source>Its code comes with the checkpoint, and code of strangers is not run here.</source>
      <translation>它的代码随检查点附带，而这里不运行陌生人的代码。</translation>
    </message>
    <message>
      <source>Its content changed although its size and date did not: the disk may be failing.</source>
      <translation>大小和日期没变，内容却变了：磁盘可能出了故障。</translation>
    </message>
    <message>
      <source>Its first {count} characters had been read before and were forgotten: room was needed, or the model was loaded anew.</source>
      <translation>开头 {count} 个字符此前读过，但已被忘掉：为了腾出空间，或模型重新加载过。</translation>
    </message>
    <message>
      <source>Its hash differs, and fetching it a second time gave the same bytes.</source>
      <translation>哈希值不一致，重新下载后内容仍相同。</translation>
    </message>
    <message>
      <source>Its header cannot be read: {0}.</source>
      <translation>无法读取文件头：{0}。</translation>
    </message>
    <message>
      <source>Its header claims to be larger than any header is.</source>
      <translation>文件头声称的大小超出任何正常的文件头。</translation>
    </message>
    <message>
      <source>Its header does not fit into the file.</source>
      <translation>它的文件头超出了文件本身。</translation>
    </message>
    <message>
      <source>Its header is damaged: {0} samples a second in {1} channels.</source>
      <translation>文件头已损坏：每秒 {0} 个采样，{1} 个声道。</translation>
    </message>
    <message>
      <source>Its layers are called in a way that is not known.</source>
      <translation>其各层的调用方式未知。</translation>
    </message>
    <message>
      <source>Its layers hold a weight of a kind that is not known: “{0}”. Quantize it to GGUF.</source>
      <translation>它的层里有一种未知的权重：“{0}”。请把它量化为 GGUF。</translation>
    </message>
    <message>
      <source>Its layers hold no linear weights that could be quantized.</source>
      <translation>其各层里没有可以量化的线性权重。</translation>
    </message>
    <message>
      <source>Its libmtmd has another layout than this version needs ({0}).</source>
      <translation>它的 libmtmd 的结构与此版本所需的不同（{0}）。</translation>
    </message>
    <message>
      <source>Its library could not be loaded: {0}.</source>
      <translation>无法加载它的程序库：{0}。</translation>
    </message>
    <message>
      <source>Its list does not have it.</source>
      <translation>其列表中没有该模型。</translation>
    </message>
    <message>
      <source>Its list of models is not as such servers send it.</source>
      <translation>它的模型列表格式不符。</translation>
    </message>
    <message>
      <source>Its matrices have rows that are no multiple of 256: there is nothing to choose.</source>
      <translation>它的矩阵每行长度不是 256 的倍数：没有可选的余地。</translation>
    </message>
    <message>
      <source>Its mrope_section must be a list of 3 numbers.</source>
      <translation>它的 mrope_section 必须是 3 个数字的列表。</translation>
    </message>
    <message>
      <source>Its name cannot be found: there is no network, or the name server does not know it.</source>
      <translation>无法解析其地址：没有网络，或域名服务器不认识它。</translation>
    </message>
    <message>
      <source>Its network cannot take back a wrong guess.</source>
      <translation>它的网络无法撤回猜错的词元。</translation>
    </message>
    <message>
      <source>Its pages as pictures, for a model that sees</source>
      <translation>把页面作为图片，给能看图的模型</translation>
    </message>
    <message>
      <source>Its positions are scaled by “{0}”, which is not known here.</source>
      <translation>它的位置按“{0}”缩放，这里不认识这种方式。</translation>
    </message>
    <message>
      <source>Its preprocessor_config.json is missing or does not say how pictures are prepared (image_mean, image_std).</source>
      <translation>它缺少 preprocessor_config.json，或其中没有说明图片如何预处理（image_mean、image_std）。</translation>
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
      <source>Its projector holds {0} of {1} tensors.</source>
      <translation>它的投影器只有 {1} 个张量中的 {0} 个。</translation>
    </message>
    <message>
      <source>Its setting {0} asks for more than a plain LoRA, which cannot be converted.</source>
      <translation>它的设置 {0} 超出了普通 LoRA，无法转换。</translation>
    </message>
    <message>
      <source>Its setting {0} has a value that llama.cpp's version of this model cannot have.</source>
      <translation>它的设置 {0} 的取值，llama.cpp 里的同类模型不支持。</translation>
    </message>
    <message>
      <source>Its settings make no sense: {0}.</source>
      <translation>其设置没有意义：{0}。</translation>
    </message>
    <message>
      <source>Its slides are missing from it.</source>
      <translation>其中缺少幻灯片。</translation>
    </message>
    <message>
      <source>Its source is one file, so there are no parts to keep.</source>
      <translation>源文件只有一个，没有可保留的分片。</translation>
    </message>
    <message>
      <source>Its strength (alpha) is no number.</source>
      <translation>它的强度（alpha）不是数字。</translation>
    </message>
    <message>
      <source>Its text is longer than {0} million characters.</source>
      <translation>它的文字超过 {0} 百万字符。</translation>
    </message>
    <message>
      <source>Its tokenizer cannot be read: {0}.</source>
      <translation>无法读取其分词器：{0}。</translation>
    </message>
    <message>
      <source>Its tokenizer cuts text in a way that is not known here; a wrong cut would change every token.</source>
      <translation>它的分词器切分文本的方式这里不认识；切错会改变每个词元。</translation>
    </message>
    <message>
      <source>Its tokenizer has more tokens than it has embeddings.</source>
      <translation>其分词器的词元比词嵌入还多。</translation>
    </message>
    <message>
      <source>Its tokenizer is a {0}, which llama.cpp does not have.</source>
      <translation>它的分词器是 {0}，llama.cpp 里没有。</translation>
    </message>
    <message>
      <source>Its tokenizer prepares text with “{0}”, which llama.cpp does not do for this kind.</source>
      <translation>它的分词器用“{0}”预处理文本，llama.cpp 对这类分词器不这样做。</translation>
    </message>
    <message>
      <source>Its vectors are not all of one length.</source>
      <translation>它返回的向量长度不一。</translation>
    </message>
    <message>
      <source>Its vision tower computes with “{0}”, which llama.cpp does not have.</source>
      <translation>它的视觉塔使用“{0}”激活函数，llama.cpp 没有。</translation>
    </message>
    <message>
      <source>Its vision tower is a {0}; here LLaVA is known with CLIP and SigLIP.</source>
      <translation>它的视觉塔是 {0}；这里的 LLaVA 只支持 CLIP 和 SigLIP。</translation>
    </message>
    <message>
      <source>Its vision tower is as wide inside its layers as between them, which llama.cpp reads the wrong way round.</source>
      <translation>它的视觉塔层内与层间一样宽，llama.cpp 会把两者读反。</translation>
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
      <source>Its weights are not in four bits: there is nothing to dequantize.</source>
      <translation>其权重不是四比特：没有可反量化的内容。</translation>
    </message>
    <message>
      <source>Its weights are quantized in a way that is not known here: {0}.</source>
      <translation>它的权重以这里不认识的方式量化：{0}。</translation>
    </message>
    <message>
      <source>Its weights cannot be read: {0}.</source>
      <translation>无法读取其权重：{0}。</translation>
    </message>
    <message>
      <source>Its weights do not fit this model's.</source>
      <translation>它的权重与这个模型不匹配。</translation>
    </message>
    <message>
      <source>Its weights take {0} GB and {1} GB are free on {2}.</source>
      <translation>其权重需要 {0} GB，而 {2} 上空闲 {1} GB。</translation>
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
      <source>Its {0}_factor must be a list of {1} numbers.</source>
      <translation>它的 {0}_factor 必须是 {1} 个数字的列表。</translation>
    </message>
    <message>
      <source>KL divergence</source>
      <translation>KL 散度</translation>
    </message>
    <message>
      <source>KL divergence, mean</source>
      <translation>KL 散度，平均</translation>
    </message>
    <message>
      <source>KV cache</source>
      <translation>KV 缓存</translation>
    </message>
    <message>
      <source>KV cache on the GPU</source>
      <translation>KV 缓存放在 GPU</translation>
    </message>
    <message>
      <source>KV cache type</source>
      <translation>KV 缓存类型</translation>
    </message>
    <message>
      <source>Keep</source>
      <translation>保存</translation>
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
      <source>Keeps tokens within so many standard deviations of the likeliest; 0 is off.</source>
      <translation>只保留与最可能的词元相差不超过这么多个标准差的词元；0 关闭。</translation>
    </message>
    <message>
      <source>Key</source>
      <translation>密钥</translation>
    </message>
    <message>
      <source>Keys</source>
      <translation>密钥</translation>
    </message>
    <message>
      <source>Kind</source>
      <translation>种类</translation>
    </message>
    <message>
      <source>Knowledge</source>
      <translation>资料</translation>
    </message>
    <message>
      <source>Language</source>
      <translation>语言</translation>
    </message>
    <message>
      <source>Languages</source>
      <translation>语言</translation>
    </message>
    <message>
      <source>Larger models will not fit: free some space.</source>
      <translation>放不下更大的模型：请腾出空间。</translation>
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
      <source>Later</source>
      <translation>推后</translation>
    </message>
    <message>
      <source>Layer {0} computes no numbers.</source>
      <translation>第 {0} 层算不出数值。</translation>
    </message>
    <message>
      <source>Layers of a mixture of experts whose experts stay in main memory</source>
      <translation>混合专家模型中，专家留在内存里的层数</translation>
    </message>
    <message>
      <source>Layout</source>
      <translation>格式</translation>
    </message>
    <message>
      <source>Leave out the oldest turns</source>
      <translation>省略最早的几轮</translation>
    </message>
    <message>
      <source>Lets the temperature move by as much; 0 keeps it.</source>
      <translation>允许温度上下浮动这么多；0 表示不变。</translation>
    </message>
    <message>
      <source>Licence</source>
      <translation>许可证</translation>
    </message>
    <message>
      <source>Licences</source>
      <translation>许可证</translation>
    </message>
    <message>
      <source>Licences…</source>
      <translation>许可证…</translation>
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
      <source>List what is there with “yanmo index list”.</source>
      <translation>用“yanmo index list”可以列出现有的资料集。</translation>
    </message>
    <message>
      <source>Listen at Ollama's port 11434 too</source>
      <translation>同时监听 Ollama 的端口 11434</translation>
    </message>
    <message>
      <source>LoRA adapters</source>
      <translation>LoRA 适配器</translation>
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
      <source>Loading</source>
      <translation>加载</translation>
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
      <source>Look at the call in the list; it says more.</source>
      <translation>请查看列表中的这次调用，那里有更多说明。</translation>
    </message>
    <message>
      <source>Look for newer files on the hubs</source>
      <translation>到模型社区查看有没有更新</translation>
    </message>
    <message>
      <source>Look in the trash, or choose another conversation.</source>
      <translation>请到回收站查看，或选择其他对话。</translation>
    </message>
    <message>
      <source>Look on {hub}</source>
      <translation>在{hub}上查看</translation>
    </message>
    <message>
      <source>Look what it offers with “yanmo remote list --refresh”, and choose one of these.</source>
      <translation>请用“yanmo remote list --refresh”查看它提供的模型，并从中选择。</translation>
    </message>
    <message>
      <source>Looking…</source>
      <translation>正在查看…</translation>
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
      <source>MB against KL divergence (nats), added up; the dot is measured</source>
      <translation>横轴 MB，纵轴各组相加的 KL 散度（nat）；圆点为实测值</translation>
    </message>
    <message>
      <source>Made by Yanmo with scales and ranges searched on {0} windows of text. Rounding: {1}.</source>
      <translation>由研墨制作，缩放系数和取值范围在 {0} 段文本上搜索得出。舍入方式：{1}。</translation>
    </message>
    <message>
      <source>Main GPU</source>
      <translation>主 GPU</translation>
    </message>
    <message>
      <source>Make</source>
      <translation>要做的类型</translation>
    </message>
    <message>
      <source>Make a collection to begin</source>
      <translation>先新建一个资料集</translation>
    </message>
    <message>
      <source>Make a model smaller</source>
      <translation>把模型变小</translation>
    </message>
    <message>
      <source>Make a model smaller and see what that cost, measured against the original on a text neither was tuned to.</source>
      <translation>把模型变小，并看清代价：用一段双方都没有调校过的文本，与原始模型对照测量。</translation>
    </message>
    <message>
      <source>Make a snapshot every day</source>
      <translation>每天做一次快照</translation>
    </message>
    <message>
      <source>Make a torch pack, or mend this one by the last command.</source>
      <translation>请做一个 torch 包，或用最后一条命令修好这一个。</translation>
    </message>
    <message>
      <source>Make a torch pack: an environment of a Python 3.11 or newer, which Yanmo finds in its data folder. It takes some gigabytes, and the window may stay open. Another environment that has the packages will do too: name it in the settings.</source>
      <translation>请做一个 torch 包：一个 Python 3.11 或更新的环境，研墨会在自己的数据文件夹里找到它。它要占几个 GB，做的时候窗口可以开着。另一个装有这些软件包的环境也可以：在设置里指定它。</translation>
    </message>
    <message>
      <source>Make one in the settings, or with “yanmo remote add NAME ADDRESS”.</source>
      <translation>请在设置中或用“yanmo remote add 名称 地址”新建连接。</translation>
    </message>
    <message>
      <source>Make one now</source>
      <translation>立即做一份</translation>
    </message>
    <message>
      <source>Making the projector for pictures</source>
      <translation>正在制作看图用的投影器</translation>
    </message>
    <message>
      <source>Measure what is lost</source>
      <translation>测量损失</translation>
    </message>
    <message>
      <source>Measuring</source>
      <translation>正在测量</translation>
    </message>
    <message>
      <source>Measuring: {what}</source>
      <translation>正在测量：{what}</translation>
    </message>
    <message>
      <source>Memory</source>
      <translation>内存</translation>
    </message>
    <message>
      <source>Memory it takes</source>
      <translation>所需内存</translation>
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
      <source>Metal, with the memory of the machine.</source>
      <translation>Metal，使用机器的内存。</translation>
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
      <source>Mirror</source>
      <translation>镜像</translation>
    </message>
    <message>
      <source>Model</source>
      <translation>模型</translation>
    </message>
    <message>
      <source>Model card</source>
      <translation>模型说明</translation>
    </message>
    <message>
      <source>Model: {name}</source>
      <translation>模型：{name}</translation>
    </message>
    <message>
      <source>ModelScope</source>
      <translation>魔搭社区</translation>
    </message>
    <message>
      <source>Models</source>
      <translation>模型</translation>
    </message>
    <message>
      <source>Models on the hubs</source>
      <translation>社区中的模型</translation>
    </message>
    <message>
      <source>Models that vLLM, SGLang, llama-server, another Yanmo or any server of OpenAI's kind holds. What you write goes there.</source>
      <translation>使用 vLLM、SGLang、llama-server、另一台研墨或任何兼容 OpenAI 接口的服务器上的模型。你写的内容会发送到那里。</translation>
    </message>
    <message>
      <source>More sampling settings</source>
      <translation>更多采样设置</translation>
    </message>
    <message>
      <source>More…</source>
      <translation>更多…</translation>
    </message>
    <message>
      <source>Most downloads</source>
      <translation>下载最多</translation>
    </message>
    <message>
      <source>Most liked</source>
      <translation>点赞最多</translation>
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
      <source>My conversations</source>
      <translation>我的对话</translation>
    </message>
    <message>
      <source>Name</source>
      <translation>名称</translation>
    </message>
    <message>
      <source>Name one of these after a colon, such as OWNER/NAME:Q4_K_M.</source>
      <translation>请在冒号后写明其中之一，例如 OWNER/NAME:Q4_K_M。</translation>
    </message>
    <message>
      <source>Network</source>
      <translation>网络</translation>
    </message>
    <message>
      <source>Network…</source>
      <translation>网络…</translation>
    </message>
    <message>
      <source>New chat</source>
      <translation>新对话</translation>
    </message>
    <message>
      <source>New collection</source>
      <translation>新建资料集</translation>
    </message>
    <message>
      <source>New collection…</source>
      <translation>新建资料集…</translation>
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
      <source>New key</source>
      <translation>新建密钥</translation>
    </message>
    <message>
      <source>New key…</source>
      <translation>新建密钥…</translation>
    </message>
    <message>
      <source>New title</source>
      <translation>新标题</translation>
    </message>
    <message>
      <source>Newest</source>
      <translation>最新</translation>
    </message>
    <message>
      <source>Next page</source>
      <translation>下一页</translation>
    </message>
    <message>
      <source>Next version</source>
      <translation>下一版本</translation>
    </message>
    <message>
      <source>No GPU answers: models run on the processor.</source>
      <translation>没有可用的 GPU：模型在处理器上运行。</translation>
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
      <source>No microphone can be used: {reason}</source>
      <translation>没有可用的麦克风：{reason}</translation>
    </message>
    <message>
      <source>No model fits this filter</source>
      <translation>没有符合条件的模型</translation>
    </message>
    <message>
      <source>No model is in memory.</source>
      <translation>内存中没有模型。</translation>
    </message>
    <message>
      <source>No model is loaded.</source>
      <translation>没有加载模型。</translation>
    </message>
    <message>
      <source>No model of Yanmo's own folder is there twice</source>
      <translation>研墨自己的文件夹里没有重复的模型</translation>
    </message>
    <message>
      <source>No source is known for it.</source>
      <translation>没有已知的来源。</translation>
    </message>
    <message>
      <source>Nobody answers there: {0}.</source>
      <translation>那里无人应答：{0}。</translation>
    </message>
    <message>
      <source>None</source>
      <translation>不用</translation>
    </message>
    <message>
      <source>None of them fits into the {memory} of free memory.</source>
      <translation>可用内存只有 {memory}，没有一个放得下。</translation>
    </message>
    <message>
      <source>Not even the shortest context fits.</source>
      <translation>连最短的上下文也放不下。</translation>
    </message>
    <message>
      <source>Notes</source>
      <translation>备注</translation>
    </message>
    <message>
      <source>Nothing fits.</source>
      <translation>没有相符的段落。</translation>
    </message>
    <message>
      <source>Nothing found</source>
      <translation>没有找到</translation>
    </message>
    <message>
      <source>Nothing here can be loaded</source>
      <translation>这里没有可以加载的文件</translation>
    </message>
    <message>
      <source>Nothing is being downloaded. Choose a model under “Find”.</source>
      <translation>没有正在下载的模型。请在“查找”中选择一个。</translation>
    </message>
    <message>
      <source>Nothing is guessed ahead from the text: this model can take nothing back.</source>
      <translation>不会根据文本提前猜测：这个模型无法撤回已读的内容。</translation>
    </message>
    <message>
      <source>Nothing is left out silently: a reply says what its model did not see.</source>
      <translation>不会悄悄省略：每条回复都会说明模型没有看到什么。</translation>
    </message>
    <message>
      <source>Nothing is sent to a hub while it is.</source>
      <translation>离线时不会向社区发送任何请求。</translation>
    </message>
    <message>
      <source>Nothing of that name is in the library, and no such file exists.</source>
      <translation>模型库里没有这个名称，也没有这样的文件。</translation>
    </message>
    <message>
      <source>Nothing that begins like this had been read by this model.</source>
      <translation>此模型此前没有读过这样开头的内容。</translation>
    </message>
    <message>
      <source>Nothing was asked yet. Start the server and connect a program.</source>
      <translation>还没有任何请求。启动服务器并连接一个程序吧。</translation>
    </message>
    <message>
      <source>Nothing was found. Try fewer words or another filter.</source>
      <translation>没有找到。请减少关键词或更换筛选条件。</translation>
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
      <source>Nothing was put in its place. Try another mirror or hub, or check the disk.</source>
      <translation>没有替换任何文件。请换一个镜像或社区，或检查磁盘。</translation>
    </message>
    <message>
      <source>Nothing was written.</source>
      <translation>什么也没有写出来。</translation>
    </message>
    <message>
      <source>Number {0} of “{1}” is missing.</source>
      <translation>“{1}”缺少第 {0} 个。</translation>
    </message>
    <message>
      <source>Off</source>
      <translation>关闭</translation>
    </message>
    <message>
      <source>Off keeps the cache in main memory, so that more layers fit the GPU</source>
      <translation>关闭后缓存留在内存中，GPU 就能放下更多层</translation>
    </message>
    <message>
      <source>Older</source>
      <translation>更早</translation>
    </message>
    <message>
      <source>On this machine</source>
      <translation>本机</translation>
    </message>
    <message>
      <source>One a line: a regular expression for names of tensors, “=”, and the place where they lie, such as CPU or CUDA0</source>
      <translation>每行一条：匹配张量名的正则表达式、“=”、存放位置（如 CPU 或 CUDA0）</translation>
    </message>
    <message>
      <source>Only choices above this probability are left out.</source>
      <translation>只略去概率高于此值的选项。</translation>
    </message>
    <message>
      <source>Only for large models that would not fit otherwise.</source>
      <translation>只适合否则放不下的大模型。</translation>
    </message>
    <message>
      <source>Only passages that fit each question, with citations</source>
      <translation>只取与每个问题相符的段落，并注明出处</translation>
    </message>
    <message>
      <source>Only small models fit: close other programs for larger ones.</source>
      <translation>只放得下小模型：要用大模型请关闭其他程序。</translation>
    </message>
    <message>
      <source>Only the pages of a PDF can be shown as pictures.</source>
      <translation>只有 PDF 的页面能作为图片显示。</translation>
    </message>
    <message>
      <source>Only the passages that fit each question.</source>
      <translation>只取与每个问题相符的段落。</translation>
    </message>
    <message>
      <source>Open in chat</source>
      <translation>在聊天中打开</translation>
    </message>
    <message>
      <source>Open its page</source>
      <translation>打开网页</translation>
    </message>
    <message>
      <source>Open source {number}: {name}, {place}</source>
      <translation>打开出处 {number}：{name}，{place}</translation>
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
      <source>Open with the system's program</source>
      <translation>用系统程序打开</translation>
    </message>
    <message>
      <source>Open {url}, accept the conditions, and put your token into the settings. A token is never sent to a mirror.</source>
      <translation>请打开 {url} 接受条款，并在设置中填入令牌。令牌绝不会发送给镜像。</translation>
    </message>
    <message>
      <source>Opening…</source>
      <translation>正在打开…</translation>
    </message>
    <message>
      <source>Order</source>
      <translation>排序</translation>
    </message>
    <message>
      <source>Order of the sampling steps</source>
      <translation>采样步骤的顺序</translation>
    </message>
    <message>
      <source>Other programs use your models here, in the words of OpenAI, Anthropic, Ollama, LM Studio and llama-server.</source>
      <translation>其他程序可以在这里使用你的模型，接口兼容 OpenAI、Anthropic、Ollama、LM Studio 和 llama-server。</translation>
    </message>
    <message>
      <source>Other servers</source>
      <translation>其他服务器</translation>
    </message>
    <message>
      <source>Own settings</source>
      <translation>自定设置</translation>
    </message>
    <message>
      <source>Page {0} cannot be drawn.</source>
      <translation>无法显示第 {0} 页。</translation>
    </message>
    <message>
      <source>Pages</source>
      <translation>页码</translation>
    </message>
    <message>
      <source>Pages {0} of {1}.</source>
      <translation>第 {0} 页，共 {1} 页。</translation>
    </message>
    <message>
      <source>Parameters</source>
      <translation>参数量</translation>
    </message>
    <message>
      <source>Parts</source>
      <translation>组成部分</translation>
    </message>
    <message>
      <source>Passages</source>
      <translation>段落</translation>
    </message>
    <message>
      <source>Passages are found by</source>
      <translation>段落检索</translation>
    </message>
    <message>
      <source>Passages from my documents, found for the question below. Answer from them, and after each fact name the passage it comes from by its number in brackets, like [1]. If they do not hold the answer, say so.</source>
      <translation>以下是从我的文档中为下面的问题找到的段落。请根据它们回答，并在每个事实后用方括号注明出自哪一段，例如 [1]。如果其中没有答案，请直说。</translation>
    </message>
    <message>
      <source>Passages given: {count}</source>
      <translation>附上了 {count} 段资料</translation>
    </message>
    <message>
      <source>Passages it was given; it cites none of them</source>
      <translation>给它的段落；回答中没有引用</translation>
    </message>
    <message>
      <source>Passages: {count}, in {seconds} s</source>
      <translation>{seconds} 秒找到 {count} 段</translation>
    </message>
    <message>
      <source>Path</source>
      <translation>路径</translation>
    </message>
    <message>
      <source>Pause</source>
      <translation>暂停</translation>
    </message>
    <message>
      <source>Paused</source>
      <translation>已暂停</translation>
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
      <source>Pick a quant for this machine</source>
      <translation>为这台电脑挑一个量化版本</translation>
    </message>
    <message>
      <source>Pick for me</source>
      <translation>替我挑选</translation>
    </message>
    <message>
      <source>Picture</source>
      <translation>图片</translation>
    </message>
    <message>
      <source>Pictures</source>
      <translation>图片</translation>
    </message>
    <message>
      <source>Pictures in it were not read.</source>
      <translation>其中的图片没有读取。</translation>
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
      <source>Places of single tensors</source>
      <translation>单个张量的位置</translation>
    </message>
    <message>
      <source>Port</source>
      <translation>端口</translation>
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
      <source>Previous page</source>
      <translation>上一页</translation>
    </message>
    <message>
      <source>Previous version</source>
      <translation>上一版本</translation>
    </message>
    <message>
      <source>Processor</source>
      <translation>处理器</translation>
    </message>
    <message>
      <source>Program</source>
      <translation>程序</translation>
    </message>
    <message>
      <source>Prompt</source>
      <translation>提示</translation>
    </message>
    <message>
      <source>Proxy</source>
      <translation>代理</translation>
    </message>
    <message>
      <source>Put away</source>
      <translation>收起</translation>
    </message>
    <message>
      <source>Put back</source>
      <translation>放回</translation>
    </message>
    <message>
      <source>PySide6 is not installed.</source>
      <translation>没有安装 PySide6。</translation>
    </message>
    <message>
      <source>Python ran out of memory.</source>
      <translation>Python 内存耗尽。</translation>
    </message>
    <message>
      <source>Quality card</source>
      <translation>质量卡</translation>
    </message>
    <message>
      <source>Quantization</source>
      <translation>量化</translation>
    </message>
    <message>
      <source>Quantize</source>
      <translation>量化</translation>
    </message>
    <message>
      <source>Quantize again all the same</source>
      <translation>仍然再次量化</translation>
    </message>
    <message>
      <source>Quantizing</source>
      <translation>正在量化</translation>
    </message>
    <message>
      <source>Quants</source>
      <translation>量化版本</translation>
    </message>
    <message>
      <source>Quants that were measured appear here.</source>
      <translation>测量过的量化版本会显示在这里。</translation>
    </message>
    <message>
      <source>Quit</source>
      <translation>退出</translation>
    </message>
    <message>
      <source>RAM MB</source>
      <translation>内存 MB</translation>
    </message>
    <message>
      <source>Read</source>
      <translation>读入</translation>
    </message>
    <message>
      <source>Reading it broke the program that reads documents, which was started anew.</source>
      <translation>读取它时，负责读文档的进程崩溃了，现已重新启动。</translation>
    </message>
    <message>
      <source>Reading it ended the process that tried: it is damaged, or meant to do harm.</source>
      <translation>读取它的进程意外结束：文件已损坏，或带有恶意。</translation>
    </message>
    <message>
      <source>Reading it takes longer than {0} seconds.</source>
      <translation>读取它所需的时间超过 {0} 秒。</translation>
    </message>
    <message>
      <source>Reading it takes more memory than a document may.</source>
      <translation>读取它需要的内存超过了文档的限额。</translation>
    </message>
    <message>
      <source>Reading it took longer than {0} seconds.</source>
      <translation>读取它超过了 {0} 秒。</translation>
    </message>
    <message>
      <source>Reading it took more memory than a document may.</source>
      <translation>读取它用掉的内存超过了文档的限额。</translation>
    </message>
    <message>
      <source>Reading the conversation… {done} of {total} tokens</source>
      <translation>正在读取对话… {done} / {total} 词元</translation>
    </message>
    <message>
      <source>Reading the header…</source>
      <translation>正在读取文件头…</translation>
    </message>
    <message>
      <source>Reading the importance matrix</source>
      <translation>正在计算重要性矩阵</translation>
    </message>
    <message>
      <source>Reading the whole file…</source>
      <translation>正在读取整个文件…</translation>
    </message>
    <message>
      <source>Reading…</source>
      <translation>正在读取…</translation>
    </message>
    <message>
      <source>Reads {0} and writes {1} tokens a second here, with {2} MB of memory.</source>
      <translation>在这里每秒读 {0}、写 {1} 个词元，占用内存 {2} MB。</translation>
    </message>
    <message>
      <source>Reasoning</source>
      <translation>推理过程</translation>
    </message>
    <message>
      <source>Rebuild it on this machine: delete .venv and run “make run”.</source>
      <translation>请在这台机器上重新编译：删除 .venv，运行 “make run”。</translation>
    </message>
    <message>
      <source>Rebuild it: run “make run ACCEL=cuda”.</source>
      <translation>请重新编译：运行 “make run ACCEL=cuda”。</translation>
    </message>
    <message>
      <source>Rebuild the engine on this machine: delete .venv and run “make run”.</source>
      <translation>请在本机重新构建引擎：删除 .venv 并运行 “make run”。</translation>
    </message>
    <message>
      <source>Recall test</source>
      <translation>检索测试</translation>
    </message>
    <message>
      <source>Recipes (*.toml)</source>
      <translation>配方 (*.toml)</translation>
    </message>
    <message>
      <source>Recipe…</source>
      <translation>配方…</translation>
    </message>
    <message>
      <source>Record a sound</source>
      <translation>录音</translation>
    </message>
    <message>
      <source>Refresh</source>
      <translation>刷新</translation>
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
      <source>Remove</source>
      <translation>移除</translation>
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
      <source>Replay on…</source>
      <translation>换模型重放…</translation>
    </message>
    <message>
      <source>Replies that are written at the same time; others wait</source>
      <translation>同时生成的回复数，其余的排队等待</translation>
    </message>
    <message>
      <source>Reply</source>
      <translation>回复</translation>
    </message>
    <message>
      <source>Requests at once</source>
      <translation>同时请求数</translation>
    </message>
    <message>
      <source>Reranking</source>
      <translation>重排序</translation>
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
      <source>Run “make run” again.</source>
      <translation>请再运行一次 “make run”。</translation>
    </message>
    <message>
      <source>Run “make run”, which builds it; it needs a C++ compiler and cmake.</source>
      <translation>请运行 “make run” 编译它；需要 C++ 编译器和 cmake。</translation>
    </message>
    <message>
      <source>Run “pip install '.[torch]'” in the folder of Yanmo (“pipx install --force '.[torch]'” or “uv tool install '.[torch]'” where it came that way), or make a torch pack, an environment that Yanmo finds in its data folder.</source>
      <translation>请在研墨的文件夹里运行 “pip install '.[torch]'”（若由 pipx 或 uv 安装，则用 “pipx install --force '.[torch]'” 或 “uv tool install '.[torch]'”），或做一个 torch 包：研墨会在自己的数据文件夹里找到这个环境。</translation>
    </message>
    <message>
      <source>Run “yanmo doctor” to see what is installed and what to add.</source>
      <translation>运行 “yanmo doctor” 看看已装了什么、该装什么。</translation>
    </message>
    <message>
      <source>SHA-256 {0}, made {1} by {2} {3}.</source>
      <translation>SHA-256 {0}，{1} 由 {2} {3} 制作。</translation>
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
      <source>Sampling, engine, draft model, LoRA and template of this model</source>
      <translation>这个模型的采样、引擎、草稿模型、LoRA 和模板</translation>
    </message>
    <message>
      <source>Save</source>
      <translation>保存</translation>
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
      <source>Save the recipe…</source>
      <translation>保存配方…</translation>
    </message>
    <message>
      <source>Search</source>
      <translation>搜索</translation>
    </message>
    <message>
      <source>Search Hugging Face and ModelScope…</source>
      <translation>搜索 Hugging Face 和魔搭社区…</translation>
    </message>
    <message>
      <source>Search chats</source>
      <translation>搜索对话</translation>
    </message>
    <message>
      <source>Search name, tag, note…</source>
      <translation>搜索名称、标签、备注…</translation>
    </message>
    <message>
      <source>Searching…</source>
      <translation>正在搜索…</translation>
    </message>
    <message>
      <source>Seed</source>
      <translation>随机种子</translation>
    </message>
    <message>
      <source>Sees pictures</source>
      <translation>看图</translation>
    </message>
    <message>
      <source>Self-test</source>
      <translation>自检</translation>
    </message>
    <message>
      <source>Send (Enter)</source>
      <translation>发送 (回车)</translation>
    </message>
    <message>
      <source>Serve other programs</source>
      <translation>为其他程序提供服务</translation>
    </message>
    <message>
      <source>Server</source>
      <translation>服务器</translation>
    </message>
    <message>
      <source>Set YANMO_DATA to a folder of yours.</source>
      <translation>请把 YANMO_DATA 设为你自己的文件夹。</translation>
    </message>
    <message>
      <source>Settings</source>
      <translation>设置</translation>
    </message>
    <message>
      <source>Shares of the GPUs</source>
      <translation>各 GPU 的份额</translation>
    </message>
    <message>
      <source>Show</source>
      <translation>查看</translation>
    </message>
    <message>
      <source>Show a part of the screen</source>
      <translation>截取屏幕的一部分</translation>
    </message>
    <message>
      <source>Show all {count} characters</source>
      <translation>显示全部 {count} 个字符</translation>
    </message>
    <message>
      <source>Show all {count} types</source>
      <translation>显示全部 {count} 种类型</translation>
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
      <source>Since Yanmo was started, nothing has left this machine.</source>
      <translation>研墨启动以来，没有任何数据离开这台机器。</translation>
    </message>
    <message>
      <source>Size</source>
      <translation>大小</translation>
    </message>
    <message>
      <source>Size against KL divergence</source>
      <translation>大小与 KL 散度</translation>
    </message>
    <message>
      <source>Size and KL divergence of every quant</source>
      <translation>每个量化版本的大小与 KL 散度</translation>
    </message>
    <message>
      <source>Small</source>
      <translation>小</translation>
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
      <source>So many weights share a scale. Smaller groups lose less and take a little more.</source>
      <translation>每组这么多个权重共用一个缩放系数。组越小损失越少，占用略大。</translation>
    </message>
    <message>
      <source>Some of its layers remember by a state instead of by keys and values.</source>
      <translation>它的一些层靠状态记忆，而不是靠键和值。</translation>
    </message>
    <message>
      <source>Some of its layers remember in a way of their own.</source>
      <translation>它的一些层以自己的方式记忆。</translation>
    </message>
    <message>
      <source>Some text in it cannot be read.</source>
      <translation>其中有些文字无法读取。</translation>
    </message>
    <message>
      <source>Something keeps Yanmo from working.</source>
      <translation>有什么让研墨无法工作。</translation>
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
      <source>Sources</source>
      <translation>出处</translation>
    </message>
    <message>
      <source>Speed</source>
      <translation>速度</translation>
    </message>
    <message>
      <source>Speed limit</source>
      <translation>限速</translation>
    </message>
    <message>
      <source>Split it into shorter pieces.</source>
      <translation>请把它分成更短的几段。</translation>
    </message>
    <message>
      <source>Split over GPUs</source>
      <translation>多 GPU 拆分</translation>
    </message>
    <message>
      <source>Start</source>
      <translation>开始</translation>
    </message>
    <message>
      <source>Start the download again to get the new file.</source>
      <translation>请重新开始下载以获取新文件。</translation>
    </message>
    <message>
      <source>Start together with the window</source>
      <translation>随窗口一起启动</translation>
    </message>
    <message>
      <source>Starter</source>
      <translation>入门模型</translation>
    </message>
    <message>
      <source>Starter model</source>
      <translation>入门模型</translation>
    </message>
    <message>
      <source>Starter with eyes</source>
      <translation>看图入门模型</translation>
    </message>
    <message>
      <source>Starting: {types}</source>
      <translation>正在开始：{types}</translation>
    </message>
    <message>
      <source>Starting…</source>
      <translation>正在开始…</translation>
    </message>
    <message>
      <source>State</source>
      <translation>状态</translation>
    </message>
    <message>
      <source>Status {0}.</source>
      <translation>状态码 {0}。</translation>
    </message>
    <message>
      <source>Steers the surprise of the text instead of top-k, top-p and min-p: 0 off, 1 or 2.</source>
      <translation>代替 top-k、top-p 和 min-p，控制文字的意外程度：0 关闭，或 1、2。</translation>
    </message>
    <message>
      <source>Stop</source>
      <translation>停止</translation>
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
      <source>Stop recording ({seconds} s)</source>
      <translation>停止录音（{seconds} 秒）</translation>
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
      <source>Stopped. What was measured is kept.</source>
      <translation>已停止。测量结果已保留。</translation>
    </message>
    <message>
      <source>Store equal files once</source>
      <translation>相同文件只存一份</translation>
    </message>
    <message>
      <source>Strength</source>
      <translation>强度</translation>
    </message>
    <message>
      <source>Such a model is two files: the language model, and a projector (mmproj) that turns pictures or sounds into what it reads.</source>
      <translation>这类模型由两个文件组成：语言模型，以及把图片或声音转换成模型可读内容的投影文件（mmproj）。</translation>
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
      <source>Tags, separated by commas</source>
      <translation>标签，用逗号分隔</translation>
    </message>
    <message>
      <source>Take back</source>
      <translation>收回</translation>
    </message>
    <message>
      <source>Take out</source>
      <translation>移出</translation>
    </message>
    <message>
      <source>Take out of the archive</source>
      <translation>移出归档</translation>
    </message>
    <message>
      <source>Take out of the list</source>
      <translation>从列表中移除</translation>
    </message>
    <message>
      <source>Take some of its pages, its beginning only, or let the passages that fit each question be found in it.</source>
      <translation>可以只取其中几页、只取开头，或让系统按每个问题在其中检索段落。</translation>
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
      <source>Talk to it</source>
      <translation>和它对话</translation>
    </message>
    <message>
      <source>Task</source>
      <translation>用途</translation>
    </message>
    <message>
      <source>Temperature</source>
      <translation>温度</translation>
    </message>
    <message>
      <source>Temperature exponent</source>
      <translation>温度指数</translation>
    </message>
    <message>
      <source>Temperature range</source>
      <translation>温度范围</translation>
    </message>
    <message>
      <source>Template</source>
      <translation>模板</translation>
    </message>
    <message>
      <source>Test</source>
      <translation>测试</translation>
    </message>
    <message>
      <source>Text of the licence</source>
      <translation>许可证全文</translation>
    </message>
    <message>
      <source>Text {number} is too long for {model}.</source>
      <translation>第 {number} 段文本对 {model} 来说太长。</translation>
    </message>
    <message>
      <source>Texts (*.txt *.md);;All files (*)</source>
      <translation>文本 (*.txt *.md);;所有文件 (*)</translation>
    </message>
    <message>
      <source>That of the system.</source>
      <translation>系统自己的。</translation>
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
      <source>The Python of the torch pack is {0}, and 3.11 or newer is needed: {1}.</source>
      <translation>torch 包的 Python 是 {0}，而需要 3.11 或更新：{1}。</translation>
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
      <source>The address is not right: {0}.</source>
      <translation>地址有误：{0}。</translation>
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
      <source>The best file of at most</source>
      <translation>不超过此大小的最佳文件</translation>
    </message>
    <message>
      <source>The built-in pictures cannot be read: {0}.</source>
      <translation>内置图片无法读取：{0}。</translation>
    </message>
    <message>
      <source>The built-in text</source>
      <translation>内置文本</translation>
    </message>
    <message>
      <source>The calibration text has {0} tokens and {1} are needed: take a longer one.</source>
      <translation>校准文本有 {0} 个词元，需要 {1} 个：请换用更长的文本。</translation>
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
      <source>The configuration of this model cannot be read, so its memory is not known.</source>
      <translation>无法读取这个模型的配置，因此不知道它需要多少内存。</translation>
    </message>
    <message>
      <source>The connection ended in the middle: {0}.</source>
      <translation>连接中途断开：{0}。</translation>
    </message>
    <message>
      <source>The connection ended without an answer: {0}.</source>
      <translation>连接未得到应答就结束了：{0}。</translation>
    </message>
    <message>
      <source>The connection failed: {0}.</source>
      <translation>连接失败：{0}。</translation>
    </message>
    <message>
      <source>The connection {name} and its key are forgotten.</source>
      <translation>连接 {name} 及其密钥已删除。</translation>
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
      <source>The device failed: {0}.</source>
      <translation>设备出错：{0}。</translation>
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
      <source>The disk refused: {0}.</source>
      <translation>磁盘拒绝写入：{0}。</translation>
    </message>
    <message>
      <source>The document</source>
      <translation>文档</translation>
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
      <source>The engine computes on {0}: as many layers as fit go there.</source>
      <translation>引擎在 {0} 上计算：能放下多少层就放多少层。</translation>
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
      <source>The engine could not encode the picture.</source>
      <translation>引擎无法编码这张图片。</translation>
    </message>
    <message>
      <source>The engine could not finish this reply.</source>
      <translation>引擎没能完成这条回复。</translation>
    </message>
    <message>
      <source>The engine could not load it.</source>
      <translation>引擎无法加载它。</translation>
    </message>
    <message>
      <source>The engine could not look at {0}.</source>
      <translation>引擎无法查看 {0}。</translation>
    </message>
    <message>
      <source>The engine could not read it.</source>
      <translation>引擎无法读取它。</translation>
    </message>
    <message>
      <source>The engine could not read the picture (code {0}).</source>
      <translation>引擎无法读取这张图片（代码 {0}）。</translation>
    </message>
    <message>
      <source>The engine could not take in a picture or a sound (code {0}).</source>
      <translation>引擎无法读入图片或声音（代码 {0}）。</translation>
    </message>
    <message>
      <source>The engine cut {0} into other pieces than it had announced.</source>
      <translation>引擎对 {0} 的切分与它先前所说的不一致。</translation>
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
      <source>The engine finds no GPU here, so the processor computes.</source>
      <translation>引擎在这里找不到 GPU，因此由处理器计算。</translation>
    </message>
    <message>
      <source>The engine finds no GPU here: the processor computes, and this has no effect: {0}.</source>
      <translation>引擎在这里找不到 GPU：由处理器计算，以下设置不起作用：{0}。</translation>
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
      <source>The engine was built for processors only, which is right where there is no GPU.</source>
      <translation>引擎只为处理器编译；没有 GPU 时这样正好。</translation>
    </message>
    <message>
      <source>The engine was built for processors only: the GPU is not used.</source>
      <translation>引擎只为处理器编译：没有用到 GPU。</translation>
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
      <source>The file is not there any more.</source>
      <translation>文件已不存在。</translation>
    </message>
    <message>
      <source>The file is shorter there than it should be.</source>
      <translation>对方的文件比应有的短。</translation>
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
      <source>The first that is here</source>
      <translation>本机的第一个</translation>
    </message>
    <message>
      <source>The first {0} of {1} tokens.</source>
      <translation>前 {0} 个词元，共 {1} 个。</translation>
    </message>
    <message>
      <source>The folder holds no adapter_config.json with an adapter_model.safetensors.</source>
      <translation>文件夹里没有 adapter_config.json 和 adapter_model.safetensors。</translation>
    </message>
    <message>
      <source>The folder holds no config.json of the model that the adapter is for.</source>
      <translation>文件夹里没有适配器所属模型的 config.json。</translation>
    </message>
    <message>
      <source>The folder holds no config.json with safetensors files.</source>
      <translation>文件夹里没有带 safetensors 文件的 config.json。</translation>
    </message>
    <message>
      <source>The folder holds no tokenizer.</source>
      <translation>文件夹里没有分词器。</translation>
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
      <source>The graphics memory was full: {0} of {1} layers lie there, and the processor computes the others.</source>
      <translation>显存已满：{1} 层中有 {0} 层在显存中，其余由处理器计算。</translation>
    </message>
    <message>
      <source>The hubs have other files now:</source>
      <translation>模型社区上的文件已经更新：</translation>
    </message>
    <message>
      <source>The import was cancelled.</source>
      <translation>导入已取消。</translation>
    </message>
    <message>
      <source>The importance matrices are of different models.</source>
      <translation>这些重要性矩阵来自不同的模型。</translation>
    </message>
    <message>
      <source>The importance matrix of “{0}” is not whole.</source>
      <translation>“{0}”的重要性矩阵不完整。</translation>
    </message>
    <message>
      <source>The index of documents could not be used.</source>
      <translation>无法使用资料索引。</translation>
    </message>
    <message>
      <source>The key is in the clipboard. It is shown only now: {key}</source>
      <translation>密钥已复制到剪贴板，只显示这一次：{key}</translation>
    </message>
    <message>
      <source>The length of its answer contradicts itself.</source>
      <translation>对方回答的长度自相矛盾。</translation>
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
      <source>The machine refused the memory that the projector needs.</source>
      <translation>系统拒绝分配投影文件所需的内存。</translation>
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
      <source>The model was trained for {0} tokens of context: beyond them its text may make no sense.</source>
      <translation>模型训练时的上下文是 {0} 个词元：超出之后，它写的内容可能没有意义。</translation>
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
      <source>The network of the model it would guess for cannot take back a wrong guess.</source>
      <translation>它要为之猜测的模型，其网络无法撤回猜错的词元。</translation>
    </message>
    <message>
      <source>The new file would replace the one it is made from.</source>
      <translation>新文件会覆盖它的来源文件。</translation>
    </message>
    <message>
      <source>The number of the GPU that computes alone, or first where rows are split; the first is 0</source>
      <translation>单独计算或按行拆分时排在最前的 GPU 的编号；第一个是 0</translation>
    </message>
    <message>
      <source>The option main_gpu is {0}, none of the GPUs to use ({1}): it has no effect.</source>
      <translation>选项 main_gpu 是 {0}，不在可用的 GPU（{1}）之中：不起作用。</translation>
    </message>
    <message>
      <source>The option tensor_split has {0} shares, more than there are GPUs to use ({1}): those beyond have no effect.</source>
      <translation>tensor_split 有 {0} 个份额，多于可用的 GPU（{1}）：多出的不起作用。</translation>
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
      <source>The pair for “{0}” does not fit together.</source>
      <translation>“{0}”的一对矩阵彼此不匹配。</translation>
    </message>
    <message>
      <source>The part {0} is damaged.</source>
      <translation>其中的 {0} 部分已损坏。</translation>
    </message>
    <message>
      <source>The part {0} is missing from it.</source>
      <translation>其中缺少 {0} 部分。</translation>
    </message>
    <message>
      <source>The parts of “{0}” do not fit together.</source>
      <translation>“{0}”的各部分互不匹配。</translation>
    </message>
    <message>
      <source>The picture cannot be read: {0}.</source>
      <translation>图片无法读取：{0}。</translation>
    </message>
    <message>
      <source>The probabilities of a prompt are not asked of other servers.</source>
      <translation>不向其他服务器索取提示词的概率。</translation>
    </message>
    <message>
      <source>The process that reads documents could not be started.</source>
      <translation>无法启动读取文档的进程。</translation>
    </message>
    <message>
      <source>The program cmake is missing.</source>
      <translation>缺少 cmake。</translation>
    </message>
    <message>
      <source>The program is about to close.</source>
      <translation>程序即将关闭。</translation>
    </message>
    <message>
      <source>The projector is on its way. Load the model again when it is here.</source>
      <translation>正在下载投影文件。下载完成后请重新加载模型。</translation>
    </message>
    <message>
      <source>The projector of this model cannot take it.</source>
      <translation>此模型的投影文件无法处理它。</translation>
    </message>
    <message>
      <source>The projector {0} could not be loaded with it: they must be made from the same checkpoint.</source>
      <translation>投影器 {0} 无法与它一起加载：两者必须出自同一个检查点。</translation>
    </message>
    <message>
      <source>The projector {file} cannot be used with this model.</source>
      <translation>投影文件 {file} 不能用于此模型。</translation>
    </message>
    <message>
      <source>The proxy did not answer.</source>
      <translation>代理没有响应。</translation>
    </message>
    <message>
      <source>The proxy {0} cannot be used: {1}.</source>
      <translation>无法使用代理 {0}：{1}。</translation>
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
      <source>The reply of the server {server} broke off.</source>
      <translation>服务器 {server} 的回复中断了。</translation>
    </message>
    <message>
      <source>The run card's {0} is neither text nor a number.</source>
      <translation>运行卡的 {0} 既不是文本也不是数字。</translation>
    </message>
    <message>
      <source>The scales of “{0}” do not fit it: {1}.</source>
      <translation>“{0}”的缩放系数与它不符：{1}。</translation>
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
      <source>The server did not answer as it should.</source>
      <translation>服务器没有正常应答。</translation>
    </message>
    <message>
      <source>The server did not start</source>
      <translation>服务器没有启动成功</translation>
    </message>
    <message>
      <source>The server ended the connection in the middle of the reply.</source>
      <translation>服务器在回复中途断开了连接。</translation>
    </message>
    <message>
      <source>The server gave the reply up.</source>
      <translation>服务器放弃了这条回复。</translation>
    </message>
    <message>
      <source>The server is being stopped.</source>
      <translation>服务器正在停止。</translation>
    </message>
    <message>
      <source>The server is off</source>
      <translation>服务器未启动</translation>
    </message>
    <message>
      <source>The server is off.</source>
      <translation>服务器未启动。</translation>
    </message>
    <message>
      <source>The server {server} cannot be reached.</source>
      <translation>无法连接服务器 {server}。</translation>
    </message>
    <message>
      <source>The server {server} does not accept the key.</source>
      <translation>服务器 {server} 不接受该密钥。</translation>
    </message>
    <message>
      <source>The server {server} does not offer the model {model}.</source>
      <translation>服务器 {server} 没有提供模型 {model}。</translation>
    </message>
    <message>
      <source>The server {server} has too much to do.</source>
      <translation>服务器 {server} 过于繁忙。</translation>
    </message>
    <message>
      <source>The server {server} refused the request.</source>
      <translation>服务器 {server} 拒绝了请求。</translation>
    </message>
    <message>
      <source>The server {server} reported an error.</source>
      <translation>服务器 {server} 报告了错误。</translation>
    </message>
    <message>
      <source>The shard {0} is missing or not whole.</source>
      <translation>分片 {0} 缺失或不完整。</translation>
    </message>
    <message>
      <source>The smallest file within a KL divergence of</source>
      <translation>KL 散度不超过此值的最小文件</translation>
    </message>
    <message>
      <source>The smallest with four bits; take it with an importance matrix.</source>
      <translation>四比特中最小的；请配合重要性矩阵使用。</translation>
    </message>
    <message>
      <source>The source's {0} is neither text nor a number.</source>
      <translation>来源的 {0} 既不是文本也不是数字。</translation>
    </message>
    <message>
      <source>The surprise that Mirostat steers to.</source>
      <translation>Mirostat 所趋向的惊奇度。</translation>
    </message>
    <message>
      <source>The system did not let the model be locked in memory: raise its limit for that (ulimit -l) and load it again.</source>
      <translation>系统不允许把模型锁定在内存中：请提高相应的上限（ulimit -l），然后重新加载。</translation>
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
      <source>The table of its chapters is missing.</source>
      <translation>其中缺少章节目录。</translation>
    </message>
    <message>
      <source>The tensor “{0}” does not lie at an aligned place.</source>
      <translation>张量“{0}”没有放在对齐的位置。</translation>
    </message>
    <message>
      <source>The tensor “{0}” has another shape than its neighbours.</source>
      <translation>张量“{0}”的形状与同组的不同。</translation>
    </message>
    <message>
      <source>The tensor “{0}” has the impossible shape {1} for {2}.</source>
      <translation>张量“{0}”的形状 {1} 对 {2} 来说不可能。</translation>
    </message>
    <message>
      <source>The tensor “{0}” has the shape {1} instead of {2}.</source>
      <translation>张量“{0}”的形状是 {1}，应为 {2}。</translation>
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
      <source>The tensor “{0}” is empty.</source>
      <translation>张量“{0}”是空的。</translation>
    </message>
    <message>
      <source>The tensor “{0}” is missing.</source>
      <translation>缺少张量“{0}”。</translation>
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
      <source>The token could not be kept: {0}.</source>
      <translation>无法保存令牌：{0}。</translation>
    </message>
    <message>
      <source>The token is forgotten.</source>
      <translation>令牌已删除。</translation>
    </message>
    <message>
      <source>The token is in the system's keyring.</source>
      <translation>令牌已存入系统钥匙串。</translation>
    </message>
    <message>
      <source>The torch engine does not compute the architecture “{architecture}”.</source>
      <translation>torch 引擎不计算架构“{architecture}”。</translation>
    </message>
    <message>
      <source>The torch pack {0} has {1} {2}, and this Yanmo needs {3}.</source>
      <translation>torch 包 {0} 里的 {1} 是 {2}，而这个研墨需要 {3}。</translation>
    </message>
    <message>
      <source>The torch pack {0} lacks {1}.</source>
      <translation>torch 包 {0} 缺少 {1}。</translation>
    </message>
    <message>
      <source>The two files are not the same.</source>
      <translation>两个文件并不相同。</translation>
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
      <source>The weights and what was to be computed did not fit.</source>
      <translation>内存放不下权重和要计算的内容。</translation>
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
      <source>There are no collections yet: make one on the page Knowledge.</source>
      <translation>还没有资料集：请在“资料”页新建一个。</translation>
    </message>
    <message>
      <source>There is a broken value in {0}.</source>
      <translation>{0} 里有损坏的值。</translation>
    </message>
    <message>
      <source>There is a collection “{name}” already.</source>
      <translation>已经有名为“{name}”的资料集。</translation>
    </message>
    <message>
      <source>There is a folder {0} already.</source>
      <translation>文件夹 {0} 已经存在。</translation>
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
      <source>There is no Python at {0}, which the setting “torch.python” names.</source>
      <translation>{0} 处没有 Python，它是设置“torch.python”指定的。</translation>
    </message>
    <message>
      <source>There is no adapter for this architecture in the library.</source>
      <translation>模型库里没有适用于这种架构的适配器。</translation>
    </message>
    <message>
      <source>There is no collection “{name}”.</source>
      <translation>没有名为“{name}”的资料集。</translation>
    </message>
    <message>
      <source>There is no connection “{name}”.</source>
      <translation>没有名为“{name}”的连接。</translation>
    </message>
    <message>
      <source>There is no converter at {0}.</source>
      <translation>{0} 处没有转换程序。</translation>
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
      <source>There is no model yet</source>
      <translation>还没有模型</translation>
    </message>
    <message>
      <source>There is no projector in {0}.</source>
      <translation>{0} 中没有投影文件。</translation>
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
      <source>There is no such file or folder.</source>
      <translation>没有这个文件或文件夹。</translation>
    </message>
    <message>
      <source>There is no such file.</source>
      <translation>没有这样的文件。</translation>
    </message>
    <message>
      <source>There is no such repository or file, or it is private and the token is missing.</source>
      <translation>没有这个仓库或文件，或者它是私有的而缺少令牌。</translation>
    </message>
    <message>
      <source>There is none: the window cannot open here.</source>
      <translation>没有：这里打不开窗口。</translation>
    </message>
    <message>
      <source>There is not enough room for {file}.</source>
      <translation>空间不足，放不下 {file}。</translation>
    </message>
    <message>
      <source>There is nothing in {0} yet.</source>
      <translation>{0} 里还什么都没有。</translation>
    </message>
    <message>
      <source>There is nothing to hear in it.</source>
      <translation>其中没有可听的内容。</translation>
    </message>
    <message>
      <source>There is too much in {0}.</source>
      <translation>{0} 里的内容太多。</translation>
    </message>
    <message>
      <source>There was no memory for them.</source>
      <translation>没有足够的内存放下它们。</translation>
    </message>
    <message>
      <source>There was not enough memory for {model}.</source>
      <translation>内存不足，放不下 {model}。</translation>
    </message>
    <message>
      <source>These are kept: {known}.</source>
      <translation>现有连接：{known}。</translation>
    </message>
    <message>
      <source>These pages:</source>
      <translation>只要这些页：</translation>
    </message>
    <message>
      <source>Thinking…</source>
      <translation>正在思考…</translation>
    </message>
    <message>
      <source>This build of llama.cpp does not offer what it takes.</source>
      <translation>当前构建的 llama.cpp 未提供所需的功能。</translation>
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
      <source>This call was too long to be kept whole, so it cannot be sent again.</source>
      <translation>这次调用太长，未能完整保留，因此不能重发。</translation>
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
      <source>This engine does not guess ahead.</source>
      <translation>该引擎不支持推测解码。</translation>
    </message>
    <message>
      <source>This engine makes no embeddings.</source>
      <translation>这个引擎不能生成嵌入向量。</translation>
    </message>
    <message>
      <source>This engine takes adapters as PEFT saves them: a folder with adapter_config.json.</source>
      <translation>这个引擎使用 PEFT 保存的适配器：一个带有 adapter_config.json 的文件夹。</translation>
    </message>
    <message>
      <source>This installation has no library to read sounds (soundfile).</source>
      <translation>当前安装缺少读取声音的库（soundfile）。</translation>
    </message>
    <message>
      <source>This machine</source>
      <translation>这台机器</translation>
    </message>
    <message>
      <source>This machine…</source>
      <translation>这台机器…</translation>
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
      <source>This model cannot hear.</source>
      <translation>此模型听不了声音。</translation>
    </message>
    <message>
      <source>This model hears in a way that is not known here, or files for that are missing: sounds cannot be played to it.</source>
      <translation>这个模型听声音的方式这里不认识，或者缺少相关文件：不能给它听声音。</translation>
    </message>
    <message>
      <source>This model is quantized already. Its original would give better files.</source>
      <translation>这个模型已经量化过了，用原始模型来做效果更好。</translation>
    </message>
    <message>
      <source>This model sees and hears in a way that is not known here, or files for that are missing: it reads and writes only.</source>
      <translation>这个模型看和听的方式这里不认识，或者缺少相关文件：它只能读写文字。</translation>
    </message>
    <message>
      <source>This model sees in a way that is not known here, or files for that are missing: it cannot be shown pictures.</source>
      <translation>这个模型看图的方式这里不认识，或者缺少相关文件：不能给它看图片。</translation>
    </message>
    <message>
      <source>This passage does not stand there any more: the file has changed since. It was: {text}</source>
      <translation>这一段已不在原处：文件后来有改动。原文是：{text}</translation>
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
      <source>This server does not show its tokenizer and template.</source>
      <translation>这台服务器不公开其分词器和模板。</translation>
    </message>
    <message>
      <source>This system does not let programs see the screen.</source>
      <translation>此系统不允许程序读取屏幕。</translation>
    </message>
    <message>
      <source>This system has no keyring: the token lies in {file}, which only you can read.</source>
      <translation>此系统没有钥匙串：令牌存放在 {file}，只有你能读取。</translation>
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
      <source>Tight</source>
      <translation>紧凑</translation>
    </message>
    <message>
      <source>Time</source>
      <translation>时间</translation>
    </message>
    <message>
      <source>Tiny</source>
      <translation>极小</translation>
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
      <source>Token</source>
      <translation>令牌</translation>
    </message>
    <message>
      <source>Tokens</source>
      <translation>词元</translation>
    </message>
    <message>
      <source>Tokens guessed ahead</source>
      <translation>提前猜测的词元数</translation>
    </message>
    <message>
      <source>Tokens guessed from what was written before; the text stays the same</source>
      <translation>根据已写内容猜测的词元数；文本保持不变</translation>
    </message>
    <message>
      <source>Took</source>
      <translation>用时</translation>
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
      <source>Trending</source>
      <translation>热门</translation>
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
      <source>Try again in a while.</source>
      <translation>请稍后再试。</translation>
    </message>
    <message>
      <source>Try again, or look into that server's log.</source>
      <translation>请重试，或查看该服务器的日志。</translation>
    </message>
    <message>
      <source>Try again. The documents themselves are untouched, and the index can always be made anew.</source>
      <translation>请重试。文档本身没有改动，索引随时可以重建。</translation>
    </message>
    <message>
      <source>Try again; if it happens again, load the model anew.</source>
      <translation>请重试；若再次出现，请重新加载模型。</translation>
    </message>
    <message>
      <source>Trying again soon</source>
      <translation>稍后重试</translation>
    </message>
    <message>
      <source>Turn off “Work offline” in the settings, or use a model that is here.</source>
      <translation>请在设置中关闭“离线工作”，或使用本机已有的模型。</translation>
    </message>
    <message>
      <source>Two entries have the same id.</source>
      <translation>有两个条目的编号相同。</translation>
    </message>
    <message>
      <source>Type</source>
      <translation>类型</translation>
    </message>
    <message>
      <source>Type a command or the title of a chat</source>
      <translation>输入命令或对话标题</translation>
    </message>
    <message>
      <source>Type by type for each group of tensors; needs a model in GGUF that is not quantized</source>
      <translation>为每组张量逐一选择类型；需要未量化的 GGUF 模型</translation>
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
      <source>Update</source>
      <translation>更新</translation>
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
      <source>Use this recipe</source>
      <translation>使用这个配方</translation>
    </message>
    <message>
      <source>Use “yanmo chat” in the terminal.</source>
      <translation>请在终端里用 “yanmo chat”。</translation>
    </message>
    <message>
      <source>Variants</source>
      <translation>版本</translation>
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
      <source>Version {0} in {1}: AWQ and safetensors models work.</source>
      <translation>版本 {0}，在 {1}：可以使用 AWQ 和 safetensors 模型。</translation>
    </message>
    <message>
      <source>Version {0} is installed but cannot be loaded.</source>
      <translation>版本 {0} 已安装但无法载入。</translation>
    </message>
    <message>
      <source>Version {0}: AWQ and safetensors models work.</source>
      <translation>版本 {0}：AWQ 和 safetensors 模型可以使用。</translation>
    </message>
    <message>
      <source>Very good</source>
      <translation>很好</translation>
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
      <source>Waiting</source>
      <translation>等待中</translation>
    </message>
    <message>
      <source>Waiting for its turn…</source>
      <translation>排队等待中…</translation>
    </message>
    <message>
      <source>Waiting: {types}</source>
      <translation>等待中：{types}</translation>
    </message>
    <message>
      <source>What a conversation, its preset or a request says comes first. What is left empty is as usual.</source>
      <translation>对话、预设或请求中的设置优先；留空的项目照常。</translation>
    </message>
    <message>
      <source>What came before is kept. Continue the reply, or try again.</source>
      <translation>此前的内容已保留。可以继续这条回复，或重试。</translation>
    </message>
    <message>
      <source>What has arrived is kept. Resume the download later, or choose another source.</source>
      <translation>已下载的部分会保留。请稍后继续下载，或换一个来源。</translation>
    </message>
    <message>
      <source>What is it for?</source>
      <translation>给谁用？</translation>
    </message>
    <message>
      <source>What is quantization?</source>
      <translation>什么是量化？</translation>
    </message>
    <message>
      <source>What it cost</source>
      <translation>代价</translation>
    </message>
    <message>
      <source>What most people take: a third of the size, small losses.</source>
      <translation>大多数人的选择：只有三分之一大小，损失很小。</translation>
    </message>
    <message>
      <source>What the model read</source>
      <translation>模型读到的内容</translation>
    </message>
    <message>
      <source>What the model read with this question</source>
      <translation>模型随这个问题读到的内容</translation>
    </message>
    <message>
      <source>What would help: {list}</source>
      <translation>可以尝试：{list}</translation>
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
      <source>Where</source>
      <translation>位置</translation>
    </message>
    <message>
      <source>Where four bits do not fit: losses begin to show.</source>
      <translation>四比特放不下时用它，损失开始显现。</translation>
    </message>
    <message>
      <source>Where it differs most</source>
      <translation>差异最大的地方</translation>
    </message>
    <message>
      <source>Where the model computes; automatic puts as many layers on GPUs as fit</source>
      <translation>模型在哪里计算；自动会把放得下的层都放到 GPU 上</translation>
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
      <source>Whole and verified</source>
      <translation>完整且已校验</translation>
    </message>
    <message>
      <source>Whole turns are left out, the oldest first; the system prompt stays.</source>
      <translation>按整轮省略，从最早的开始；系统提示词保留。</translation>
    </message>
    <message>
      <source>Will not fit</source>
      <translation>放不下</translation>
    </message>
    <message>
      <source>Window</source>
      <translation>窗口</translation>
    </message>
    <message>
      <source>Windows</source>
      <translation>窗口数</translation>
    </message>
    <message>
      <source>Windows of 512 tokens for each measurement</source>
      <translation>每次测量的窗口数（每个 512 词元）</translation>
    </message>
    <message>
      <source>With commas between; a step that is left out is not applied. Usual: {steps}</source>
      <translation>用逗号分隔；没有写出的步骤不会执行。默认：{steps}</translation>
    </message>
    <message>
      <source>With {context} tokens of context; the longest that fits has {longest}.</source>
      <translation>按 {context} 个词元的上下文计算；最长可用 {longest}。</translation>
    </message>
    <message>
      <source>Without AVX2 models answer slowly; nothing can be done.</source>
      <translation>没有 AVX2，模型回答会很慢；没有办法。</translation>
    </message>
    <message>
      <source>Without a key every program on this machine may use the server, and no other machine.</source>
      <translation>没有密钥时，本机的任何程序都可以使用服务器，其他机器则不行。</translation>
    </message>
    <message>
      <source>Without it the file is read into memory: the processor computes faster there, but nothing gives it back</source>
      <translation>关闭时把文件读入内存：处理器在那里算得更快，但这些内存在卸载之前不会让出</translation>
    </message>
    <message>
      <source>Work offline</source>
      <translation>离线工作</translation>
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
      <source>Write pages as 3, 2-5 or 1,4-6.</source>
      <translation>页码请写成 3、2-5 或 1,4-6 这样。</translation>
    </message>
    <message>
      <source>Written</source>
      <translation>写出</translation>
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
      <source>YOUR-KEY</source>
      <translation>你的密钥</translation>
    </message>
    <message>
      <source>Yanmo did not download it, so it is not known where its projector lies.</source>
      <translation>它不是由研墨下载的，因此不知道它的投影文件在哪里。</translation>
    </message>
    <message>
      <source>Yanmo is already open with this data.</source>
      <translation>研墨已经打开了这份数据。</translation>
    </message>
    <message>
      <source>Yanmo is set to work offline.</source>
      <translation>研墨已设为离线工作。</translation>
    </message>
    <message>
      <source>Yanmo is under the MIT licence. These parts are in it, each under its own:</source>
      <translation>研墨采用 MIT 许可证。以下是其中的组成部分，各有各的许可证：</translation>
    </message>
    <message>
      <source>Yanmo works here.</source>
      <translation>研墨在这里可以工作。</translation>
    </message>
    <message>
      <source>Yanmo {version}. Local models, nothing leaves this machine: no telemetry, no account.</source>
      <translation>研墨 Yanmo {version}。本地模型，数据不出本机：没有遥测，无需账号。</translation>
    </message>
    <message>
      <source>Yanmo's own (English and Chinese)</source>
      <translation>研墨自带（中英文）</translation>
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
      <source>a file that can be read ({0})</source>
      <translation>可以读取的文件（{0}）</translation>
    </message>
    <message>
      <source>a folder with text files in it</source>
      <translation>里面有文本文件的文件夹</translation>
    </message>
    <message>
      <source>a little smaller, hard to tell apart</source>
      <translation>再小一点，仍难分辨</translation>
    </message>
    <message>
      <source>a name of your own, up to 100 characters</source>
      <translation>自己取的名字，最多 100 个字符</translation>
    </message>
    <message>
      <source>a name that no other key has</source>
      <translation>别的密钥没有用过的名字</translation>
    </message>
    <message>
      <source>a number from {0} to {1}</source>
      <translation>{0} 到 {1} 之间的数</translation>
    </message>
    <message>
      <source>a projector for pictures or sound</source>
      <translation>图片或声音的投影器</translation>
    </message>
    <message>
      <source>a readable TOML file ({0})</source>
      <translation>可以读取的 TOML 文件（{0}）</translation>
    </message>
    <message>
      <source>a regular expression ({0})</source>
      <translation>正则表达式（{0}）</translation>
    </message>
    <message>
      <source>a shorter context</source>
      <translation>缩短上下文</translation>
    </message>
    <message>
      <source>a smaller KV cache (q8_0)</source>
      <translation>使用更小的 KV 缓存（q8_0）</translation>
    </message>
    <message>
      <source>a smaller quantization or model</source>
      <translation>换用更小的量化或模型</translation>
    </message>
    <message>
      <source>a text in UTF-8</source>
      <translation>UTF-8 编码的文字</translation>
    </message>
    <message>
      <source>a text of {0} characters at most</source>
      <translation>最多 {0} 个字符的文字</translation>
    </message>
    <message>
      <source>a whole number from 0 to 4294967295</source>
      <translation>0 到 4294967295 之间的整数</translation>
    </message>
    <message>
      <source>a whole number from 1 to 4096</source>
      <translation>1 到 4096 之间的整数</translation>
    </message>
    <message>
      <source>a whole number from {0} to {1}</source>
      <translation>{0} 到 {1} 之间的整数</translation>
    </message>
    <message>
      <source>a whole number, 0 for no limit</source>
      <translation>整数，0 表示不限</translation>
    </message>
    <message>
      <source>about {count} tokens</source>
      <translation>约 {count} 个词元</translation>
    </message>
    <message>
      <source>about {size}</source>
      <translation>约 {size}</translation>
    </message>
    <message>
      <source>above {size}</source>
      <translation>{size} 以上</translation>
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
      <source>all sampling settings</source>
      <translation>全部采样设置</translation>
    </message>
    <message>
      <source>an adapter (LoRA)</source>
      <translation>适配器（LoRA）</translation>
    </message>
    <message>
      <source>an address such as http://192.168.1.20:8000/v1</source>
      <translation>形如 http://192.168.1.20:8000/v1 的地址</translation>
    </message>
    <message>
      <source>an address without “?” and “#”</source>
      <translation>不含“?”和“#”的地址</translation>
    </message>
    <message>
      <source>an embedding or reranking model</source>
      <translation>嵌入或重排模型</translation>
    </message>
    <message>
      <source>and ranked by</source>
      <translation>重排</translation>
    </message>
    <message>
      <source>and {count} more</source>
      <translation>还有 {count} 个</translation>
    </message>
    <message>
      <source>and {count} passages that it did not cite</source>
      <translation>另有 {count} 段未被引用</translation>
    </message>
    <message>
      <source>another machine</source>
      <translation>其他机器</translation>
    </message>
    <message>
      <source>answers about pictures</source>
      <translation>看图回答</translation>
    </message>
    <message>
      <source>as the system; or none, http://…, socks5://…</source>
      <translation>留空为系统代理；或填 none、http://…、socks5://…</translation>
    </message>
    <message>
      <source>at least one type</source>
      <translation>至少一种类型</translation>
    </message>
    <message>
      <source>at least {0} MB for this model</source>
      <translation>对这个模型至少 {0} MB</translation>
    </message>
    <message>
      <source>at most {0} MB of text</source>
      <translation>最多 {0} MB 文字</translation>
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
      <source>bits</source>
      <translation>比特</translation>
    </message>
    <message>
      <source>bits a weight</source>
      <translation>比特/权重</translation>
    </message>
    <message>
      <source>cancelled</source>
      <translation>已取消</translation>
    </message>
    <message>
      <source>chapter {number}</source>
      <translation>第 {number} 章</translation>
    </message>
    <message>
      <source>chat</source>
      <translation>对话</translation>
    </message>
    <message>
      <source>checkpoint</source>
      <translation>检查点</translation>
    </message>
    <message>
      <source>closing other programs</source>
      <translation>关闭其他程序</translation>
    </message>
    <message>
      <source>compressed-tensors, for vLLM</source>
      <translation>compressed-tensors（用于 vLLM）</translation>
    </message>
    <message>
      <source>compute</source>
      <translation>计算缓冲</translation>
    </message>
    <message>
      <source>conditions</source>
      <translation>需接受条款</translation>
    </message>
    <message>
      <source>conditions must be accepted on its page first</source>
      <translation>需要先在网页上接受使用条款</translation>
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
      <source>done</source>
      <translation>完成</translation>
    </message>
    <message>
      <source>draft model</source>
      <translation>草稿模型</translation>
    </message>
    <message>
      <source>each once, of: {0}</source>
      <translation>以下各项，每项一次：{0}</translation>
    </message>
    <message>
      <source>embedding</source>
      <translation>嵌入</translation>
    </message>
    <message>
      <source>empty where a schema is given</source>
      <translation>空的，因为已经给出了 JSON schema</translation>
    </message>
    <message>
      <source>f16 or f32 on this GPU</source>
      <translation>f16 或 f32（在这块 GPU 上）</translation>
    </message>
    <message>
      <source>f16, bf16 or f32 for this engine</source>
      <translation>f16、bf16 或 f32（用这个引擎时）</translation>
    </message>
    <message>
      <source>failed</source>
      <translation>失败</translation>
    </message>
    <message>
      <source>fewer layers on the GPU</source>
      <translation>减少 GPU 上的层数</translation>
    </message>
    <message>
      <source>for example box</source>
      <translation>例如 box</translation>
    </message>
    <message>
      <source>for those who have the room</source>
      <translation>空间充裕时选它</translation>
    </message>
    <message>
      <source>for vLLM, SGLang and mlx</source>
      <translation>供 vLLM、SGLang 和 mlx 使用</translation>
    </message>
    <message>
      <source>half the size, no difference in answers</source>
      <translation>大小减半，回答没有差别</translation>
    </message>
    <message>
      <source>host:port, for each</source>
      <translation>每一个都是 主机:端口</translation>
    </message>
    <message>
      <source>ids from 0 to {0}</source>
      <translation>0 到 {0} 的编号</translation>
    </message>
    <message>
      <source>ids of tokens</source>
      <translation>词元的编号</translation>
    </message>
    <message>
      <source>ids of tokens below {0}</source>
      <translation>小于 {0} 的词元编号</translation>
    </message>
    <message>
      <source>ids of tokens, 0 to {0}</source>
      <translation>词元的编号，0 到 {0}</translation>
    </message>
    <message>
      <source>imatrix</source>
      <translation>矩阵</translation>
    </message>
    <message>
      <source>its own extra layers (MTP)</source>
      <translation>模型自带的额外层 (MTP)</translation>
    </message>
    <message>
      <source>larger: not even the largest file is that close</source>
      <translation>更大的：最大的文件也没有这么接近</translation>
    </message>
    <message>
      <source>layer {which}</source>
      <translation>第 {which} 层</translation>
    </message>
    <message>
      <source>layers</source>
      <translation>按层</translation>
    </message>
    <message>
      <source>letters, digits, “-”, “_” and “.”, 40 at most</source>
      <translation>字母、数字、“-”、“_”和“.”，最多 40 个</translation>
    </message>
    <message>
      <source>line {number}</source>
      <translation>第 {number} 行</translation>
    </message>
    <message>
      <source>llama.cpp's converter, for checkpoints that Yanmo does not know</source>
      <translation>llama.cpp 的转换程序，用于研墨不认识的检查点</translation>
    </message>
    <message>
      <source>made by hand</source>
      <translation>手动</translation>
    </message>
    <message>
      <source>made from</source>
      <translation>来自</translation>
    </message>
    <message>
      <source>mean, cls, last, none, or empty</source>
      <translation>mean、cls、last、none，或空着</translation>
    </message>
    <message>
      <source>meaning</source>
      <translation>含义</translation>
    </message>
    <message>
      <source>median, 99 %, most</source>
      <translation>中位、99 %、最大</translation>
    </message>
    <message>
      <source>memory</source>
      <translation>内存</translation>
    </message>
    <message>
      <source>missing</source>
      <translation>已不存在</translation>
    </message>
    <message>
      <source>more than 0</source>
      <translation>大于 0</translation>
    </message>
    <message>
      <source>needs the torch engine</source>
      <translation>需要 torch 引擎</translation>
    </message>
    <message>
      <source>never sent to a mirror</source>
      <translation>绝不会发送给镜像</translation>
    </message>
    <message>
      <source>no draft model</source>
      <translation>不使用草稿模型</translation>
    </message>
    <message>
      <source>no other program was found</source>
      <translation>没有找到其他程序</translation>
    </message>
    <message>
      <source>none</source>
      <translation>不限</translation>
    </message>
    <message>
      <source>not all parts are there</source>
      <translation>分卷不全</translation>
    </message>
    <message>
      <source>not there any more</source>
      <translation>已不存在</translation>
    </message>
    <message>
      <source>numbers with commas between, such as 3,1</source>
      <translation>用逗号分隔的数字，例如 3,1</translation>
    </message>
    <message>
      <source>off</source>
      <translation>关</translation>
    </message>
    <message>
      <source>off where there are pictures or sounds</source>
      <translation>关闭的：里面有图片或声音</translation>
    </message>
    <message>
      <source>on</source>
      <translation>开</translation>
    </message>
    <message>
      <source>one GPU alone</source>
      <translation>只用一个 GPU</translation>
    </message>
    <message>
      <source>one of {0}</source>
      <translation>以下之一：{0}</translation>
    </message>
    <message>
      <source>one of {0} for this engine</source>
      <translation>这个引擎所认识的之一：{0}</translation>
    </message>
    <message>
      <source>only for large models</source>
      <translation>只适合大模型</translation>
    </message>
    <message>
      <source>only where the server wants one</source>
      <translation>仅在服务器要求时填写</translation>
    </message>
    <message>
      <source>page {number}</source>
      <translation>第 {number} 页</translation>
    </message>
    <message>
      <source>page {number} of {count}</source>
      <translation>第 {number} 页，共 {count} 页</translation>
    </message>
    <message>
      <source>pages as pictures</source>
      <translation>页面作为图片</translation>
    </message>
    <message>
      <source>pages {pages} of {count}</source>
      <translation>第 {pages} 页，共 {count} 页</translation>
    </message>
    <message>
      <source>pairs of path and scale</source>
      <translation>成对的路径和强度</translation>
    </message>
    <message>
      <source>pairs of pattern and place</source>
      <translation>成对的模式和位置</translation>
    </message>
    <message>
      <source>pasted picture</source>
      <translation>粘贴的图片</translation>
    </message>
    <message>
      <source>paths of adapters</source>
      <translation>适配器的路径</translation>
    </message>
    <message>
      <source>pattern=place on each line, such as ffn=CPU</source>
      <translation>每行一条“模式=位置”，例如 ffn=CPU</translation>
    </message>
    <message>
      <source>perplexity</source>
      <translation>困惑度</translation>
    </message>
    <message>
      <source>perplexity of the base</source>
      <translation>原始模型的困惑度</translation>
    </message>
    <message>
      <source>picture</source>
      <translation>图片</translation>
    </message>
    <message>
      <source>pictures</source>
      <translation>图片</translation>
    </message>
    <message>
      <source>probabilities</source>
      <translation>概率</translation>
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
      <source>reading</source>
      <translation>读取中</translation>
    </message>
    <message>
      <source>recipe: {type} with {count} rules of its own</source>
      <translation>配方：{type}，另有 {count} 条自己的规则</translation>
    </message>
    <message>
      <source>recording</source>
      <translation>录音</translation>
    </message>
    <message>
      <source>reranker</source>
      <translation>重排</translation>
    </message>
    <message>
      <source>rows</source>
      <translation>按行</translation>
    </message>
    <message>
      <source>same five likeliest</source>
      <translation>前五词元一致</translation>
    </message>
    <message>
      <source>same likeliest token</source>
      <translation>首选词元一致</translation>
    </message>
    <message>
      <source>searched for each question</source>
      <translation>按每个问题检索</translation>
    </message>
    <message>
      <source>sheet {number}</source>
      <translation>第 {number} 个工作表</translation>
    </message>
    <message>
      <source>size</source>
      <translation>大小</translation>
    </message>
    <message>
      <source>size of the file; larger dots write faster</source>
      <translation>文件大小；圆点越大，写得越快</translation>
    </message>
    <message>
      <source>slide {number}</source>
      <translation>第 {number} 张幻灯片</translation>
    </message>
    <message>
      <source>such as http://192.168.1.20:8000/v1</source>
      <translation>例如 http://192.168.1.20:8000/v1</translation>
    </message>
    <message>
      <source>tensors</source>
      <translation>按张量</translation>
    </message>
    <message>
      <source>text</source>
      <translation>文字</translation>
    </message>
    <message>
      <source>texts</source>
      <translation>一列文字</translation>
    </message>
    <message>
      <source>texts of a token or more</source>
      <translation>至少一个词元的文字</translation>
    </message>
    <message>
      <source>the first {some} of {all} tokens</source>
      <translation>前 {some} 个词元，共 {all} 个</translation>
    </message>
    <message>
      <source>the hub itself, or https://…</source>
      <translation>留空为官方地址，或填 https://…</translation>
    </message>
    <message>
      <source>the picture could not be written</source>
      <translation>图片无法写入</translation>
    </message>
    <message>
      <source>the smallest with four bits</source>
      <translation>四比特中最小的</translation>
    </message>
    <message>
      <source>this machine</source>
      <translation>本机</translation>
    </message>
    <message>
      <source>tok/s</source>
      <translation>词元/秒</translation>
    </message>
    <message>
      <source>tokens</source>
      <translation>词元</translation>
    </message>
    <message>
      <source>tools</source>
      <translation>工具</translation>
    </message>
    <message>
      <source>top 1</source>
      <translation>首选一致</translation>
    </message>
    <message>
      <source>up to 64 texts, none empty</source>
      <translation>最多 64 段文字，都不为空</translation>
    </message>
    <message>
      <source>up to {0} files, each once</source>
      <translation>最多 {0} 个文件，每个一次</translation>
    </message>
    <message>
      <source>up to {size}</source>
      <translation>不超过 {size}</translation>
    </message>
    <message>
      <source>used now</source>
      <translation>当前已用</translation>
    </message>
    <message>
      <source>used with at least {0} letters of conversations; there are {1}</source>
      <translation>在对话至少有 {0} 个字时才用；现在有 {1} 个</translation>
    </message>
    <message>
      <source>waited {wait:.2f} s, read {read:.2f} s, wrote {write:.2f} s, {rate:.0f} tokens a second</source>
      <translation>等待 {wait:.2f} 秒，读取 {read:.2f} 秒，写出 {write:.2f} 秒，每秒 {rate:.0f} 个词元</translation>
    </message>
    <message>
      <source>waiting</source>
      <translation>等待中</translation>
    </message>
    <message>
      <source>weights</source>
      <translation>权重</translation>
    </message>
    <message>
      <source>what most people take</source>
      <translation>大多数人的选择</translation>
    </message>
    <message>
      <source>where four bits do not fit</source>
      <translation>四比特放不下时用</translation>
    </message>
    <message>
      <source>with a projector for pictures</source>
      <translation>含看图用的投影器</translation>
    </message>
    <message>
      <source>with importance matrix</source>
      <translation>用重要性矩阵</translation>
    </message>
    <message>
      <source>without a name and password; give the key apart</source>
      <translation>不带用户名和密码的；密钥请另外给出</translation>
    </message>
    <message>
      <source>without importance matrix</source>
      <translation>不用重要性矩阵</translation>
    </message>
    <message>
      <source>words</source>
      <translation>字词</translation>
    </message>
    <message>
      <source>words and meaning</source>
      <translation>字词和含义</translation>
    </message>
    <message>
      <source>writing</source>
      <translation>写出中</translation>
    </message>
    <message>
      <source>yes</source>
      <translation>有</translation>
    </message>
    <message>
      <source>yes, through its projector</source>
      <translation>支持（通过投影器）</translation>
    </message>
    <message>
      <source>{0} ({1}) is integrated, and not used beside another GPU unless it is chosen.</source>
      <translation>{0}（{1}）是集成显卡；有其他 GPU 时，除非选中它，否则不使用。</translation>
    </message>
    <message>
      <source>{0} ({1}), in the machine's memory: {2} of {3} are free.</source>
      <translation>{0}（{1}），使用本机内存：{3} 中有 {2} 可用。</translation>
    </message>
    <message>
      <source>{0} ({1}): {2} of {3} are free.</source>
      <translation>{0}（{1}）：{3} 中有 {2} 可用。</translation>
    </message>
    <message>
      <source>{0} Kernels for processors: {1}, chosen at start.</source>
      <translation>{0}处理器内核：{1}，启动时选定。</translation>
    </message>
    <message>
      <source>{0} and cmake are here.</source>
      <translation>有 {0} 和 cmake。</translation>
    </message>
    <message>
      <source>{0} are free, of {1}.</source>
      <translation>共 {1}，空闲 {0}。</translation>
    </message>
    <message>
      <source>{0} cannot be opened: its disk may be read-only, or the file may belong to someone else.</source>
      <translation>无法打开 {0}：磁盘可能是只读的，或者文件属于其他用户。</translation>
    </message>
    <message>
      <source>{0} cannot be started: {1}.</source>
      <translation>{0} 无法启动：{1}。</translation>
    </message>
    <message>
      <source>{0} cannot be written.</source>
      <translation>{0} 无法写入。</translation>
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
      <source>{0} does not answer.</source>
      <translation>{0} 没有响应。</translation>
    </message>
    <message>
      <source>{0} does not exist.</source>
      <translation>{0} 不存在。</translation>
    </message>
    <message>
      <source>{0} failed and said: {1}.</source>
      <translation>{0} 失败，提示：{1}。</translation>
    </message>
    <message>
      <source>{0} in four bits, groups of {1}, {2}, in {3}. Embeddings and output head are as they were.</source>
      <translation>{0} 的四比特版本，每组 {1} 个权重，{2}，{3}。词嵌入和输出头保持不变。</translation>
    </message>
    <message>
      <source>{0} is animated; only its first picture is shown to the model.</source>
      <translation>{0} 是动画，模型只会看到第一帧。</translation>
    </message>
    <message>
      <source>{0} is neither true nor false.</source>
      <translation>{0} 既不是真也不是假。</translation>
    </message>
    <message>
      <source>{0} is no Python that can be started.</source>
      <translation>{0} 不是能启动的 Python。</translation>
    </message>
    <message>
      <source>{0} is not installed: run “pip install .[torch]”.</source>
      <translation>未安装 {0}：请运行“pip install .[torch]”。</translation>
    </message>
    <message>
      <source>{0} is not there: the setting “torch.python” names it.</source>
      <translation>{0} 不存在：它是设置“torch.python”指定的。</translation>
    </message>
    <message>
      <source>{0} is there already and has no card: move it, or choose another folder.</source>
      <translation>{0} 已经存在，而且没有质量卡：请把它移走，或另选一个文件夹。</translation>
    </message>
    <message>
      <source>{0} is there already and was made by something else: move it, or choose another folder.</source>
      <translation>{0} 已经存在，而且不是由这里做的：请把它移走，或另选一个文件夹。</translation>
    </message>
    <message>
      <source>{0} is there already: move it, or choose another folder.</source>
      <translation>{0} 已经存在：请移走它，或选择另一个文件夹。</translation>
    </message>
    <message>
      <source>{0} of {1} layers fit the graphics memory; the processor computes the others.</source>
      <translation>显存放得下 {1} 层中的 {0} 层，其余由处理器计算。</translation>
    </message>
    <message>
      <source>{0} pages are damaged and were left out.</source>
      <translation>有 {0} 页已损坏，未能读取。</translation>
    </message>
    <message>
      <source>{0} pages hold no text; they may be scanned pictures.</source>
      <translation>有 {0} 页没有文字，可能是扫描图片。</translation>
    </message>
    <message>
      <source>{0} sent something that is no list of models.</source>
      <translation>{0} 返回的不是模型列表。</translation>
    </message>
    <message>
      <source>{0} was scaled down from {1} × {2} to {3} × {4} pixels.</source>
      <translation>{0} 已从 {1} × {2} 像素缩小到 {3} × {4} 像素。</translation>
    </message>
    <message>
      <source>{0} where flash attention is off</source>
      <translation>{0}（flash attention 关闭时）</translation>
    </message>
    <message>
      <source>{0} wrote a file without tensors: it does not know this checkpoint.</source>
      <translation>{0} 写出的文件没有张量：它不认识这个检查点。</translation>
    </message>
    <message>
      <source>{0} × {1} patches of a picture cannot be averaged to {2} × {3}.</source>
      <translation>图片的 {0} × {1} 个图块无法平均成 {2} × {3} 个。</translation>
    </message>
    <message>
      <source>{0}, driver {1}: {2} of {3} are used.</source>
      <translation>{0}，驱动 {1}：共 {3}，已用 {2}。</translation>
    </message>
    <message>
      <source>{0}, or empty</source>
      <translation>{0}，或空着</translation>
    </message>
    <message>
      <source>{0}, {1} bits per weight, {2} MB: {3} smaller than {4}.</source>
      <translation>{0}，每权重 {1} 位，{2} MB：比 {4} 小 {3}。</translation>
    </message>
    <message>
      <source>{0}: {1} are free.</source>
      <translation>{0}：空闲 {1}。</translation>
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
      <source>{cached} of {total} tokens of the prompt were in the cache</source>
      <translation>提示的 {total} 个词元中有 {cached} 个在缓存里</translation>
    </message>
    <message>
      <source>{count} are free in the context</source>
      <translation>上下文中还剩 {count} 个</translation>
    </message>
    <message>
      <source>{count} chapters</source>
      <translation>{count} 章</translation>
    </message>
    <message>
      <source>{count} conversations were held with it; they stay.</source>
      <translation>有 {count} 个对话使用过它；对话会保留。</translation>
    </message>
    <message>
      <source>{count} conversations were imported</source>
      <translation>已导入 {count} 个对话</translation>
    </message>
    <message>
      <source>{count} documents</source>
      <translation>{count} 个文档</translation>
    </message>
    <message>
      <source>{count} downloads</source>
      <translation>{count} 次下载</translation>
    </message>
    <message>
      <source>{count} files</source>
      <translation>{count} 个文件</translation>
    </message>
    <message>
      <source>{count} files, {size}</source>
      <translation>{count} 个文件，共 {size}</translation>
    </message>
    <message>
      <source>{count} found</source>
      <translation>找到 {count} 条</translation>
    </message>
    <message>
      <source>{count} models are used with it, as draft model or adapter.</source>
      <translation>有 {count} 个模型把它用作草稿模型或适配器。</translation>
    </message>
    <message>
      <source>{count} models, asked {time}</source>
      <translation>{count} 个模型，询问于 {time}</translation>
    </message>
    <message>
      <source>{count} models, {size}; {free} free on the disk</source>
      <translation>{count} 个模型，共 {size}；磁盘剩余 {free}</translation>
    </message>
    <message>
      <source>{count} of {total} layers on the GPU</source>
      <translation>{total} 层中有 {count} 层在 GPU 上</translation>
    </message>
    <message>
      <source>{count} pages</source>
      <translation>{count} 页</translation>
    </message>
    <message>
      <source>{count} parameters</source>
      <translation>{count} 参数</translation>
    </message>
    <message>
      <source>{count} passages</source>
      <translation>{count} 段</translation>
    </message>
    <message>
      <source>{count} sheets</source>
      <translation>{count} 个工作表</translation>
    </message>
    <message>
      <source>{count} slides</source>
      <translation>{count} 张幻灯片</translation>
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
      <source>{count} unreadable</source>
      <translation>{count} 个无法读取</translation>
    </message>
    <message>
      <source>{count} were here already</source>
      <translation>其中 {count} 个已经在这里</translation>
    </message>
    <message>
      <source>{done} of {total} documents</source>
      <translation>{done} / {total} 个文档</translation>
    </message>
    <message>
      <source>{file} arrived, but it is not the file that the hub promises.</source>
      <translation>{file} 已下载，但与社区公布的文件不一致。</translation>
    </message>
    <message>
      <source>{file} cannot be attached.</source>
      <translation>无法添加 {file}。</translation>
    </message>
    <message>
      <source>{file} cannot be read.</source>
      <translation>无法读取 {file}。</translation>
    </message>
    <message>
      <source>{file} cannot guess for {model}.</source>
      <translation>{file} 不能为 {model} 猜测。</translation>
    </message>
    <message>
      <source>{file} could not be downloaded.</source>
      <translation>无法下载 {file}。</translation>
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
      <source>{file} could not be written: {reason}</source>
      <translation>{file} 无法写入：{reason}</translation>
    </message>
    <message>
      <source>{file} is being read; the message goes when that is done.</source>
      <translation>正在读取 {file}，读完后消息会自动发送。</translation>
    </message>
    <message>
      <source>{file} is damaged.</source>
      <translation>{file} 已损坏。</translation>
    </message>
    <message>
      <source>{file} is longer than what the model can read.</source>
      <translation>{file} 超出了模型能读的长度。</translation>
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
      <source>{file} is not a whole checkpoint.</source>
      <translation>{file} 不是完整的检查点。</translation>
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
      <source>{file} was replaced at the hub while it was downloaded.</source>
      <translation>下载期间，社区上的 {file} 被替换了。</translation>
    </message>
    <message>
      <source>{folder} has {free} left.</source>
      <translation>{folder} 只剩 {free}。</translation>
    </message>
    <message>
      <source>{hours} h {minutes} min</source>
      <translation>{hours} 小时 {minutes} 分</translation>
    </message>
    <message>
      <source>{hub} cannot be reached.</source>
      <translation>无法连接 {hub}。</translation>
    </message>
    <message>
      <source>{hub} did not answer as a hub does.</source>
      <translation>{hub} 的回答不像一个模型社区。</translation>
    </message>
    <message>
      <source>{hub} reported an error.</source>
      <translation>{hub} 报告了错误。</translation>
    </message>
    <message>
      <source>{hub} wants you to sign in and agree to them first; a token tells it who you are.</source>
      <translation>{hub} 要求先登录并同意条款；令牌用来表明你的身份。</translation>
    </message>
    <message>
      <source>{low} to {high}</source>
      <translation>{low} 到 {high}</translation>
    </message>
    <message>
      <source>{minutes} min {seconds} s</source>
      <translation>{minutes} 分 {seconds} 秒</translation>
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
      <source>{model} cannot hear sounds. Choose a model that can hear.</source>
      <translation>{model} 听不了声音。请选择能听声音的模型。</translation>
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
      <source>{model} cannot see pictures. Choose a model that can see.</source>
      <translation>{model} 看不了图片。请选择能看图的模型。</translation>
    </message>
    <message>
      <source>{model} cannot write text.</source>
      <translation>{model} 不能写文字。</translation>
    </message>
    <message>
      <source>{model} could see or hear, but its projector is missing.</source>
      <translation>{model} 本可以看图或听声音，但缺少投影文件。</translation>
    </message>
    <message>
      <source>{model} could see, but its projector is missing.</source>
      <translation>{model} 本可以看图，但缺少投影文件。</translation>
    </message>
    <message>
      <source>{model} has changed since it was last verified: download it again.</source>
      <translation>{model} 自上次校验后已改变：请重新下载。</translation>
    </message>
    <message>
      <source>{model} has no variant “{variant}”.</source>
      <translation>{model} 没有“{variant}”这个版本。</translation>
    </message>
    <message>
      <source>{model} is given only to people who accepted its conditions.</source>
      <translation>{model} 只提供给已接受其使用条款的人。</translation>
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
      <source>{model} makes vectors.</source>
      <translation>{model} 生成向量。</translation>
    </message>
    <message>
      <source>{model} was not found on {hub}.</source>
      <translation>在 {hub} 上找不到 {model}。</translation>
    </message>
    <message>
      <source>{model} was read completely and its hash is kept.</source>
      <translation>已完整读取 {model} 并记下其哈希。</translation>
    </message>
    <message>
      <source>{name} is connected and offers {count} models. They stand among your models now.</source>
      <translation>已连接 {name}，它提供 {count} 个模型，现已列入你的模型。</translation>
    </message>
    <message>
      <source>{name} is here, whole and verified</source>
      <translation>{name} 已下载完成并通过校验</translation>
    </message>
    <message>
      <source>{name}: all are slow on this machine, this one least.</source>
      <translation>{name}：在这台电脑上都偏慢，这个最快。</translation>
    </message>
    <message>
      <source>{name}: the least loss of what fits into {memory} of free memory and writes as fast as you read.</source>
      <translation>{name}：在 {memory} 可用内存放得下、写得跟得上阅读的版本里，损失最小。</translation>
    </message>
    <message>
      <source>{name}: {count} of {total} experts never used</source>
      <translation>{name}：{total} 个专家中有 {count} 个从未用到</translation>
    </message>
    <message>
      <source>{name}: {count} of {total} inputs always zero</source>
      <translation>{name}：{total} 个输入中有 {count} 个始终为零</translation>
    </message>
    <message>
      <source>{place} of {count}</source>
      <translation>第 {place} 张，共 {count} 张</translation>
    </message>
    <message>
      <source>{reads} read, {writes} written a second</source>
      <translation>每秒读 {reads}，写 {writes}</translation>
    </message>
    <message>
      <source>{seconds} s</source>
      <translation>{seconds} 秒</translation>
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
      <source>{share} right, its base {base}; {same} in the same words</source>
      <translation>{share} 正确，原模型 {base}；{same} 用词完全相同</translation>
    </message>
    <message>
      <source>{size} MB of memory</source>
      <translation>占用 {size} MB 内存</translation>
    </message>
    <message>
      <source>{size} became free</source>
      <translation>已释放 {size}</translation>
    </message>
    <message>
      <source>{time} left</source>
      <translation>剩余 {time}</translation>
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
      <source>{width} × {height} pixels</source>
      <translation>{width} × {height} 像素</translation>
    </message>
    <message>
      <source>{words}: too long, choose</source>
      <translation>{words}：太长，请选择</translation>
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
      <source>“{pages}” are no pages of {file}.</source>
      <translation>“{pages}”不是 {file} 的页码。</translation>
    </message>
    <message>
      <source>“{title}” is in the trash</source>
      <translation>“{title}”已移入回收站</translation>
    </message>
    <message>
      <source>… and {count} more</source>
      <translation>……另有 {count} 项</translation>
    </message>
  </context>
</TS>
