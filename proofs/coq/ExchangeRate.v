(* logit-exchange-rate (docs/theory.md, Logit elasticity): z = 0, then gradient flow for a time Tp on a uniform p_p, then for Ta on a uniform
   p_a of all other tokens. The measured k_eff = |∇L_a| / |∇L_p| follows a closed form: a logarithm takes the place of |D_p|/|D_a|. *)
From Coq Require Import Reals Lra Lia Arith.
From Coquelicot Require Import Coquelicot.
From Compresslab Require Import Base Deriv Logit.
Open Scope R_scope.

Section Groups.
Variables (n : nat) (P : nat -> bool) (i0 j0 : nat).                (* P: the tokens of p_p; i0 is one of them, j0 one of the others *)
Hypothesis in_P : (i0 < n)%nat /\ P i0 = true.
Hypothesis in_A : (j0 < n)%nat /\ P j0 = false.
Definition mp := Σ j < n, (if P j then 1 else 0).
Definition ma := Σ j < n, (if P j then 0 else 1).
Definition pp j := if P j then / mp else 0.
Definition pa j := if P j then 0 else / ma.
Definition qP z := Σ j < n, (if P j then softmax n z j else 0).     (* q(P) *)
Definition qA z := Σ j < n, (if P j then 0 else softmax n z j).
Definition k z := qP z / qA z.
Definition alike (z : nat -> R) := forall i j, (i < n)%nat -> (j < n)%nat -> P i = P j -> z i = z j.
Lemma some : (0 < n)%nat. Proof. lia. Qed.
Lemma mp_pos : 0 < mp.
Proof. unfold mp. apply (Sum_pos n _ i0); [intros j _; destruct (P j); lra|tauto|destruct in_P as [_ ->]; lra]. Qed.
Lemma ma_pos : 0 < ma.
Proof. unfold ma. apply (Sum_pos n _ j0); [intros j _; destruct (P j); lra|tauto|destruct in_A as [_ ->]; lra]. Qed.
Lemma q_total z : qP z + qA z = 1.
Proof. unfold qP, qA. rewrite <- Sum_plus, <- (softmax_unit n some z). apply Sum_ext. intros j _. destruct (P j); ring. Qed.
Lemma softmax_alike z i j : alike z -> (i < n)%nat -> (j < n)%nat -> P i = P j -> softmax n z i = softmax n z j.
Proof. intros A Hi Hj E. unfold softmax. rewrite (A i j); auto. Qed.
Lemma qP_token z i : alike z -> (i < n)%nat -> P i = true -> softmax n z i = qP z / mp.
Proof.
  intros A Hi E. pose proof mp_pos. assert (qP z = softmax n z i * mp) as ->; [|field; lra].
  unfold qP, mp. rewrite <- Sum_scal. apply Sum_ext. intros j Hj. destruct (P j) eqn:F; [|ring]. rewrite (softmax_alike z j i) by (auto; congruence).
  ring.
Qed.
Lemma qA_token z j : alike z -> (j < n)%nat -> P j = false -> softmax n z j = qA z / ma.
Proof.
  intros A Hj E. pose proof ma_pos. assert (qA z = softmax n z j * ma) as ->; [|field; lra].
  unfold qA, ma. rewrite <- Sum_scal. apply Sum_ext. intros i Hi. destruct (P i) eqn:F; [ring|]. rewrite (softmax_alike z i j) by (auto; congruence).
  ring.
Qed.
Lemma qA_pos z : 0 < qA z.
Proof. unfold qA. apply (Sum_pos n _ j0); [|tauto|]; [intros j _; destruct (P j); [lra|left; apply softmax_pos, some]|destruct in_A as [_ ->];
  apply softmax_pos, some]. Qed.
Lemma qP_pos z : 0 < qP z.
Proof. unfold qP. apply (Sum_pos n _ i0); [|tauto|]; [intros j _; destruct (P j); [left; apply softmax_pos, some|lra]|destruct in_P as [_ ->];
  apply softmax_pos, some]. Qed.
Lemma k_exp z : alike z -> k z = mp / ma * exp (z i0 - z j0).
Proof.
  intros A. pose proof mp_pos. pose proof ma_pos. pose proof (qA_pos z). pose proof (Z_pos n some z). destruct in_P as [Hi Ei], in_A as [Hj Ej].
  pose proof (qP_token z i0 A Hi Ei) as X. pose proof (qA_token z j0 A Hj Ej) as Y. unfold softmax in X, Y. unfold k.
  replace (qP z) with (mp * (exp (z i0) / Z n z)) by (rewrite X; field; lra).
  replace (qA z) with (ma * (exp (z j0) / Z n z)) by (rewrite Y; field; lra).
  unfold Rminus. rewrite exp_plus, exp_Ropp. pose proof (exp_pos (z j0)). field. lra.
Qed.

(* the flow on any p that is flat on both groups keeps both groups flat *)
Section Phase.
Variables (p : nat -> R) (z : R -> nat -> R) (T : R).
Hypothesis T_nonneg : 0 <= T.
Hypothesis flat : alike p.
Hypothesis start : alike (z 0).
Hypothesis flow : forall s j, 0 <= s <= T -> (j < n)%nat -> is_derive (fun s => z s j) s (p j - softmax n (z s) j).
Lemma stays_alike s : 0 <= s <= T -> alike (z s).
Proof.
  intros Hs i j Hi Hj E. apply Rminus_diag_uniq, Rsqr_0_uniq. apply Rle_antisym; [|apply Rle_0_sqr].
  replace 0 with (Rsqr (z 0 i - z 0 j)) by (rewrite (start i j) by auto; unfold Rsqr; ring).
  apply (falls (fun u => (z u i - z u j) * (z u i - z u j)) (fun u => - 2 * ((z u i - z u j) * (softmax n (z u) i - softmax n (z u) j))) 0 s);
    try lra.
  - intros u Hu. assert (D : is_derive (fun u => z u i - z u j) u ((p i - softmax n (z u) i) - (p j - softmax n (z u) j))) by (apply derive_minus;
      apply flow; auto; lra).
    eapply derive_value; [apply (derive_mult _ _ u _ _ D D)|]. rewrite (flat i j) by auto. ring.
  - intros u Hu. assert (0 <= (z u i - z u j) * (softmax n (z u) i - softmax n (z u) j)); [|lra].
    pose proof (Z_pos n some (z u)). unfold softmax. replace (exp (z u i) / Z n (z u) - exp (z u j) / Z n (z u)) with ((exp (z u i) - exp
      (z u j)) / Z n (z u)) by (field; lra).
    unfold Rdiv. rewrite <- Rmult_assoc. apply Rmult_le_pos; [|left; pos]. destruct (Rle_or_lt (z u i) (z u j)) as [[O|O]|O].
    + pose proof (exp_increasing _ _ O). nra.
    + rewrite O. lra.
    + pose proof (exp_increasing _ _ O). nra.
Qed.
End Phase.

Section Phases.
Variables (z y : R -> nat -> R) (Tp Ta : R).
Hypothesis Tp_nonneg : 0 <= Tp.
Hypothesis Ta_nonneg : 0 <= Ta.
Hypothesis from_0 : forall j, (j < n)%nat -> z 0 j = 0.
Hypothesis pretraining : forall s j, 0 <= s <= Tp -> (j < n)%nat -> is_derive (fun s => z s j) s (pp j - softmax n (z s) j).
Hypothesis goes_on : forall j, (j < n)%nat -> y 0 j = z Tp j.
Hypothesis alignment : forall s j, 0 <= s <= Ta -> (j < n)%nat -> is_derive (fun s => y s j) s (pa j - softmax n (y s) j).
Let C := / mp + / ma.
Let kappa := mp / ma.
Lemma z_alike s : 0 <= s <= Tp -> alike (z s).
Proof.
  apply (stays_alike pp z Tp); auto.
  - intros i j _ _ E. unfold pp. rewrite E. reflexivity.
  - intros i j Hi Hj _. rewrite !from_0; auto.
Qed.
Lemma y_alike s : 0 <= s <= Ta -> alike (y s).
Proof.
  apply (stays_alike pa y Ta); auto.
  - intros i j _ _ E. unfold pa. rewrite E. reflexivity.
  - intros i j Hi Hj E. rewrite !goes_on by auto. apply (z_alike Tp); auto. lra.
Qed.
Lemma ln_k x : alike x -> ln (k x) = ln kappa + (x i0 - x j0).
Proof. intros A. pose proof mp_pos. pose proof ma_pos. rewrite k_exp, ln_mult, ln_exp by (auto; try apply exp_pos; pos). reflexivity. Qed.
(* in pre-training k + ln k rises at the rate C, in alignment 1/k - ln k does *)
Lemma first_phase : k (z Tp) + ln (k (z Tp)) = kappa + ln kappa + C * Tp.
Proof.
  pose proof mp_pos. pose proof ma_pos. destruct in_P as [Hi Ei], in_A as [Hj Ej].
  set (w s := z s i0 - z s j0).
  assert (S : kappa * exp (w 0) + w 0 - C * 0 = kappa * exp (w Tp) + w Tp - C * Tp).
  { apply (stays (fun s => kappa * exp (w s) + w s - C * s) 0 Tp Tp_nonneg). intros s Hs. pose proof (z_alike s Hs) as A.
    pose proof (qA_pos (z s)). pose proof (q_total (z s)) as One. pose proof (k_exp (z s) A) as K. fold kappa (w s) in K.
    assert (W : is_derive w s (C * qA (z s))).
    { eapply derive_value; [apply derive_minus; apply pretraining; auto|]. unfold pp.
      rewrite Ei, Ej, (qP_token (z s) i0), (qA_token (z s) j0) by auto.
      replace (qP (z s)) with (1 - qA (z s)) by lra. unfold C. field. lra. }
    eapply derive_value.
    - apply derive_minus; [apply derive_plus; [apply derive_scal, (derive_comp exp w); [apply derive_exp|exact W]|exact W]|].
      apply (derive_scal (fun s => s) C s 1), derive_id.
    - replace (kappa * (exp (w s) * (C * qA (z s)))) with (k (z s) * qA (z s) * C) by (rewrite K; ring).
      unfold k. replace (qP (z s) / qA (z s) * qA (z s)) with (qP (z s)) by (field; lra). replace (qP (z s)) with (1 - qA (z s)) by lra. ring. }
  pose proof (z_alike Tp ltac:(lra)) as A. rewrite (ln_k _ A), (k_exp _ A). fold kappa (w Tp).
  assert (W0 : w 0 = 0) by (unfold w; rewrite !from_0 by auto; ring). rewrite W0, exp_0 in S. lra.
Qed.
Lemma second_phase : / k (y Ta) - ln (k (y Ta)) = / k (y 0) - ln (k (y 0)) + C * Ta.
Proof.
  pose proof mp_pos. pose proof ma_pos. assert (Hk : 0 < kappa) by (unfold kappa; pos). destruct in_P as [Hi Ei], in_A as [Hj Ej].
  set (w s := y s i0 - y s j0).
  assert (S : / kappa * exp (- w 0) - w 0 - C * 0 = / kappa * exp (- w Ta) - w Ta - C * Ta).
  { apply (stays (fun s => / kappa * exp (- w s) - w s - C * s) 0 Ta Ta_nonneg). intros s Hs. pose proof (y_alike s Hs) as A.
    pose proof (qA_pos (y s)). pose proof (qP_pos (y s)). pose proof (q_total (y s)) as One. pose proof (k_exp (y s) A) as K. fold kappa (w s) in K.
    assert (W : is_derive w s (- (C * qP (y s)))).
    { eapply derive_value; [apply derive_minus; apply alignment; auto|]. unfold pa. rewrite Ei, Ej, (qP_token (y s) i0), (qA_token (y s) j0) by auto.
      replace (qA (y s)) with (1 - qP (y s)) by lra. unfold C. field. lra. }
    eapply derive_value.
    - apply derive_minus; [apply derive_minus; [apply derive_scal, (derive_comp exp (fun s => - w s));
        [apply derive_exp|apply derive_opp, W]|exact W]|].
      apply (derive_scal (fun s => s) C s 1), derive_id.
    - assert (I : / kappa * exp (- w s) = / k (y s)) by (rewrite K, exp_Ropp; pose proof (exp_pos (w s)); field; lra).
      replace (/ kappa * (exp (- w s) * - - (C * qP (y s)))) with (/ kappa * exp (- w s) * (C * qP (y s))) by ring. rewrite I. unfold k.
      replace (/ (qP (y s) / qA (y s)) * (C * qP (y s))) with (C * qA (y s)) by (field; lra). replace (qA (y s)) with (1 - qP (y s)) by lra. ring. }
  pose proof (y_alike 0 ltac:(lra)) as A0. pose proof (y_alike Ta ltac:(lra)) as A. rewrite (ln_k _ A), (ln_k _ A0), (k_exp _ A), (k_exp _ A0).
  fold kappa (w Ta) (w 0).
  assert (I : forall s, / (kappa * exp (w s)) = / kappa * exp (- w s)) by (intros s; rewrite exp_Ropp; pose proof (exp_pos (w s)); field; lra).
  rewrite !I. lra.
Qed.
Theorem logit_exchange_rate : let k0 := k (z Tp) in let k_eff := k (y Ta) in let q := softmax n (y Ta) in
  k0 + ln k0 = kappa + ln kappa + C * Tp /\ / k_eff - ln k_eff = / k0 - ln k0 + C * Ta /\
  (forall j, (j < n)%nat -> q j - pa j = - k_eff * (q j - pp j)) /\
  sqrt (Σ j < n, Rsqr (q j - pa j)) = k_eff * sqrt (Σ j < n, Rsqr (q j - pp j)).
Proof.
  intros k0 k_eff q. pose proof mp_pos. pose proof ma_pos.
  assert (E0 : k (y 0) = k0).
  { assert (S : forall j, (j < n)%nat -> softmax n (y 0) j = softmax n (z Tp) j).
    { intros j Hj. unfold softmax, Z. rewrite goes_on by auto. f_equal. apply Sum_ext. intros i Hi. rewrite goes_on by auto. reflexivity. }
    unfold k0, k, qP, qA. f_equal; apply Sum_ext; intros j Hj; rewrite S; auto. }
  pose proof (y_alike Ta ltac:(lra)) as A. pose proof (qA_pos (y Ta)) as QA. pose proof (qP_pos (y Ta)) as QP. pose proof (q_total (y Ta)) as One.
  assert (K : 0 < k_eff) by (unfold k_eff, k; pos).
  assert (G : forall j, (j < n)%nat -> q j - pa j = - k_eff * (q j - pp j)).
  { intros j Hj. unfold q, pa, pp, k_eff, k. destruct (P j) eqn:F.
    - rewrite (qP_token _ j) by auto. replace (qP (y Ta)) with (1 - qA (y Ta)) by lra. field. lra.
    - rewrite (qA_token _ j) by auto. replace (qP (y Ta)) with (1 - qA (y Ta)) by lra. field. lra. }
  split; [apply first_phase|split; [rewrite <- E0; apply second_phase|split; [exact G|]]].
  rewrite (Sum_ext n _ (fun j => (k_eff * k_eff) * Rsqr (q j - pp j))) by (intros j Hj; rewrite G by auto; unfold Rsqr; ring).
  rewrite Sum_scal, sqrt_mult by (try apply Sum_nonneg; intros; nonneg). rewrite sqrt_square by lra. reflexivity.
Qed.
End Phases.
End Groups.
